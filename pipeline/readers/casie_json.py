"""One article a JSON file, its events in hoppers, with character offsets into the content (CASIE).

    {"sourcefile": "20001.txt",
     "info": {"title": "...", "date": "2019_02_11", "type": "text", "link": "https://..."},
     "content": "Crooks locked the files of Varnia Clinic and asked for $9,000.",
     "cyberevent": {"hopper": [{"index": 0, "relation": "Same", "events": [{
        "index": "E1", "type": "Attack", "subtype": "Ransom", "realis": "Actual",
        "nugget": {"index": "T1", "text": "locked", "startOffset": 7, "endOffset": 13},
        "argument": [{"index": "T2", "type": "Organization", "text": "Varnia Clinic",
                      "startOffset": 27, "endOffset": 40, "role": {"type": "Victim"}}]}]}]}}

A path may be a file or a folder of them; each article is one record. The label is the `subtype`,
ends are exclusive, a missing `argument` means none. In some articles all offsets are shifted by the
same few characters: the shift that most mentions agree on is undone. A mention that is cut off by
the end of the content is what is left of it. Offsets that still fit no string are dropped.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from pipeline.readers import json_rows
from pipeline.readers._paths import Item, RowError, lister
from pipeline.readers._source import EXCERPT, decode, files_in, parsed, read_bytes
from pipeline.records import Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pipeline.records import Record

#: How far from its offset a mention is looked for; the widest real shift is 12.
_WINDOW: Final = 40
_EVENTS: Final = lister("cyberevent.hopper.*.events")


def read(files: Sequence[Path]) -> Iterator[Record | Reject]:
    """Yield one record per article, in the order of the files' numbers."""
    return json_rows.rows_read(_rows(files), json_rows.layout("casie_json"))


def _rows(files: Sequence[Path]) -> Iterator[tuple[str, Item]]:
    for file in files:
        inner = files_in([file], ".json")
        for path in sorted(inner, key=lambda p: (len(p.name), p.name)):
            name, raw = f"{path.stem}.txt", read_bytes(path)
            try:
                article = parsed(raw.removeprefix(b"\xef\xbb\xbf"))
            except ValueError as problem:
                why, excerpt = str(problem), decode(raw)[:EXCERPT]
                article = Reject(path.name, "malformed_json", why, excerpt, source_id=name)
            else:
                _put_right(Item(article))
            yield path.name, Item(article, ((name, None),))


def _put_right(article: Item) -> None:
    """Undo the shift of all offsets of an article, and cut what its end cuts off."""
    try:
        text, events = article.value["content"], [item.value for item in _EVENTS(article) or ()]
        for event in events:
            if event.get("argument", []) is None:
                event["argument"] = {}  # The list may be missing, but not null: this is rejected.
        parts = [part for e in events for part in (e["nugget"], *e.get("argument", []))]
        spans = [(part["text"], part["startOffset"], part["endOffset"]) for part in parts]
        shift = _shift(text, spans)
        moved = [(start + shift, end + shift) for _, start, end in spans]
    except (RowError, KeyError, TypeError, AttributeError):
        return  # It is no sound article, and `json_rows` says why.
    for part, (word, _, _), (start, stop) in zip(parts, spans, moved, strict=True):
        cut = 0 <= start < len(text) < stop and word.startswith(text[start:])
        if cut:
            part["text"] = text[start:]
        part["startOffset"], part["endOffset"] = start, len(text) if cut else stop


def _shift(text: str, spans: Sequence[tuple[str, int, int]]) -> int:
    """What is to be added to all offsets of an article: the distance that most mentions are off."""
    if all(text[start:end] == word for word, start, end in spans):
        return 0
    votes: Counter[int] = Counter()
    for word, start, _ in spans:
        before = text.rfind(word, max(0, start - _WINDOW), max(0, start + len(word)))
        after = text.find(word, max(0, start), max(0, start + _WINDOW) + len(word))
        votes.update({found - start for found in (before, after) if found >= 0})
    return votes.most_common(1)[0][0] if votes else 0


def unread_fields(files: Sequence[Path]) -> Counter[str]:
    """Field of the articles that is not read -> in how many places it stands."""
    return json_rows.unread_of(_rows(files), json_rows.layout("casie_json"))
