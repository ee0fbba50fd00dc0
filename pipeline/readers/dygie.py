"""Documents as DyGIE, DyGIE++ and SciERC write them: JSON lines, token positions of the document.

    {"doc_key": "W07-0311", "sentences": [["We", "train", "a", "tagger", "."], ["It", "works"]],
     "ner": [[[3, 3, "Method"]], [[5, 5, "Generic"]]],
     "relations": [[], [[5, 5, 3, 3, "USED-FOR"]]],
     "events": [[[[1, "Training"], [3, 3, "Object"]]], []], "clusters": [[[3, 3], [5, 5]]]}

Every sentence is a record. Positions run through the whole document and their ends are inclusive,
so the length of the earlier sentences is subtracted. An event is its trigger, `[token, label]` or
`[first, last, label]`, followed by its arguments. Each of `ner`, `relations` and `events` may be
absent; `clusters` are not read. A sentence with a position outside of it is rejected whole (as the
second one above would be), because an annotation left out teaches a false negative.
"""

from typing import Any, Final

from pipeline.readers._paths import Joined as Options  # noqa: F401 - the catalog asks for it
from pipeline.readers._paths import Rows
from pipeline.readers._source import items
from pipeline.readers.json_rows import shaped

_LAYERS: Final = ("ner", "relations", "events")


def _sentences(origin: str, row: Any, _: object) -> Rows:
    """Yield each sentence of a document as a document."""
    sentences, first = items(row["sentences"]), 0
    layers = [items(row.get(name, [[]] * len(sentences))) for name in _LAYERS]
    parted = zip(sentences, *layers, strict=True)
    for number, (tokens, *parts) in enumerate(parted, start=1):
        sentence = {"doc_key": row.get("doc_key"), "sentences": [items(tokens)]}
        for name, part in zip(_LAYERS, parts, strict=True):
            sentence[name] = [_moved(part, first)] if isinstance(part, list) else part
        yield f"{origin}#{number}", sentence
        first += len(tokens)


def _moved(part: Any, first: int) -> Any:
    """Lists of the document's token numbers, counted from a sentence's first token."""
    if isinstance(part, list):
        return [_moved(inner, first) for inner in part]
    return part - first if type(part) is int else part


read, unread_fields = shaped("dygie", _sentences)
