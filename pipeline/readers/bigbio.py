"""The `kb` schema of BigBIO: passages, entities of one or several pieces, relations and events.

    {"id": "1", "document_id": "90210001", "passages": [
        {"id": "2", "type": "title", "text": ["Tremor of hands."], "offsets": [[0, 16]]}],
     "entities": [{"id": "3", "type": "Disease", "text": ["Tremor"], "offsets": [[0, 6]],
                   "normalized": []}],
     "relations": [{"id": "4", "type": "CID", "arg1_id": "3", "arg2_id": "3", "normalized": []}],
     "events": [{"id": "5", "type": "Growth", "trigger": {"text": ["hands"], "offsets": [[10, 15]]},
                 "arguments": [{"role": "Theme", "ref_id": "3"}]}], "coreferences": []}

Offsets count characters of the document, half-open. An argument may be an event: then its trigger.
"""

from collections.abc import Iterator
from typing import Any

from pipeline.readers._paths import Joined as Options  # noqa: F401 - the catalog asks for it
from pipeline.readers._text import joined_passages
from pipeline.readers.json_rows import shaped


def _with_text(origin: str, row: Any, _: object) -> Iterator[tuple[str, Any]]:
    passages = [(p["offsets"][0][0], p["text"][0]) for p in row["passages"]]
    yield origin, {**row, "text": joined_passages(passages)}


read, unread_fields = shaped("bigbio", _with_text)
