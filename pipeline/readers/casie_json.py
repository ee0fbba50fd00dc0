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

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from pipeline.readers._paths import Files, Item, Rows, lister
from pipeline.readers._source import EXCERPT, decode, files_in, parsed, read_bytes
from pipeline.readers.json_rows import shaped
from pipeline.records import Reject

#: How far from its offset a mention is looked for; the widest real shift is 12.
_WINDOW: Final = 40
_EVENTS: Final = lister("cyberevent.hopper.*.events")


def _articles(files: Files, _: object) -> Rows:
    """The articles in the order of the files' numbers."""
    for file in files:
        inner = files_in([file], ".json")
        for path in sorted(inner, key=lambda p: (len(p.name), p.name)):
            name, raw = f"{path.stem}.txt", read_bytes(path)
            try:
                article = parsed(raw.removeprefix(b"\xef\xbb\xbf"))
            except ValueError as problem:
                why, excerpt = str(problem), decode(raw)[:EXCERPT]
                article = Reject(path.name, "malformed_json", why, excerpt, source_id=name)
            yield path.name, Item(article, ((name, None),))


def _put_right(origin: str, article: Any, _: object) -> Rows:
    """An article without the shift of its offsets, and with what its end cuts off cut."""
    text, events = article["content"], [item.value for item in _EVENTS(Item(article)) or ()]
    parts = [part for e in events for part in (e["nugget"], *e.get("argument", []))]
    spans = [(part["text"], part["startOffset"], part["endOffset"]) for part in parts]
    shift = _shift(text, spans)
    for part, (word, first, last) in zip(parts, spans, strict=True):
        start, stop = first + shift, last + shift
        cut = 0 <= start < len(text) < stop and word.startswith(text[start:])
        if cut:
            part["text"] = text[start:]
        part["startOffset"], part["endOffset"] = start, len(text) if cut else stop
    yield origin, article


def _shift(text: str, spans: Sequence[tuple[str, int, int]]) -> int:
    """Return what to add to all offsets of an article: the error of most mentions."""
    if all(text[start:end] == word for word, start, end in spans):
        return 0
    votes: Counter[int] = Counter()
    for word, start, _ in spans:
        before = text.rfind(word, max(0, start - _WINDOW), max(0, start + len(word)))
        after = text.find(word, max(0, start), max(0, start + _WINDOW) + len(word))
        votes.update({place - start for place in (before, after) if place >= 0})
    return votes.most_common(1)[0][0] if votes else 0


read, unread_fields = shaped("casie_json", _put_right, _articles)
