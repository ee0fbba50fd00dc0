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
the end of the content is what is left of it.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import RawFileError
from pipeline.readers._source import EXCERPT, attempt, decode, items, parsed, read_bytes
from pipeline.records import Argument, Event, Mention, Record, Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: How far from its offset a mention is looked for; the widest real shift is 12.
_WINDOW: Final = 40


def read(
    files: Sequence[Path],
    *,
    language: str,  # noqa: ARG001 - the text is given whole, nothing is joined
) -> Iterator[Record | Reject]:
    """Yield one record per article, in the order of the files' numbers."""
    for path in _articles(files):
        raw = read_bytes(path)
        try:
            article = parsed(raw.removeprefix(b"\xef\xbb\xbf"))
        except ValueError as problem:
            excerpt = decode(raw)[:EXCERPT]
            name = f"{path.stem}.txt"
            yield Reject(path.name, "malformed_json", str(problem), excerpt, source_id=name)
            continue
        item = attempt(path.name, partial(_record, path.name), article)
        yield _counted(item, article, path.stem) if isinstance(item, Reject) else item


def _articles(files: Sequence[Path]) -> Iterator[Path]:
    for file in files:
        if not file.is_dir():
            yield file
            continue
        inner = sorted(file.glob("*.json"), key=lambda p: (len(p.name), p.name))
        if not inner:
            raise RawFileError("the folder holds no *.json", where=file, todo="check its path")
        yield from inner


def _record(origin: str, article: Any) -> Record:
    text = article["content"]
    hoppers = items(article["cyberevent"]["hopper"])
    nuggets = [e for hopper in hoppers for e in items(hopper["events"])]
    given = [items(e.get("argument", [])) for e in nuggets]
    pairs = zip(nuggets, given, strict=True)
    spans = [_span(part) for e, own in pairs for part in (e["nugget"], *own)]
    shift = _shift(text, spans)
    mentions: dict[Mention, int] = {}
    places = iter(
        [mentions.setdefault(_mention(text, *span, shift), len(mentions)) for span in spans]
    )
    events = []
    for event, own in zip(nuggets, given, strict=True):
        trigger = next(places)
        arguments = [Argument(a["role"]["type"], next(places)) for a in own]
        events.append(Event(event["subtype"], trigger, tuple(arguments)))
    return Record(text, origin, [*mentions], (), events, article["sourcefile"])


def _span(part: dict[str, Any]) -> tuple[str, int, int]:
    word, start, end = part["text"], part["startOffset"], part["endOffset"]
    if not (isinstance(word, str) and word and type(start) is int and type(end) is int):
        raise ValueError(f"no mention: {part!r:.80}")
    return word, start, end


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


def _mention(text: str, word: str, start: int, end: int, shift: int) -> Mention:
    start, end = start + shift, end + shift
    if 0 <= start < len(text) < end and word.startswith(text[start:]):
        return Mention(text[start:], start, len(text))
    # One that is still not at its place is left to `normalize`, which finds it where it is unique.
    return Mention(word, start, end) if start >= 0 and text[start:end] == word else Mention(word)


def _counted(reject: Reject, article: Any, number: str) -> Reject:
    """A reject with the article's id and the number of annotations that are lost with it."""
    reject = reject._replace(source_id=f"{number}.txt")
    cyber = article.get("cyberevent") if isinstance(article, dict) else None
    hoppers = cyber.get("hopper") if isinstance(cyber, dict) else None
    if not isinstance(hoppers, list):
        return reject
    lists = [h.get("events") for h in hoppers if isinstance(h, dict)]
    events = [e for own in lists if isinstance(own, list) for e in own if isinstance(e, dict)]
    arguments = [e.get("argument") for e in events]
    lost = sum(len(own) for own in arguments if isinstance(own, list))
    return reject._replace(events=len(events), arguments=lost)
