"""Texts with labelled spans in JSON, one record a line or one array: most NER files in JSON.

    {"text": "Ada met Tom in Oslo", "entities": [{"start": 0, "end": 3, "label": "PER"}, ...]}
    {"text": "Ada met Tom in Oslo", "label": [[0, 3, "PER"], [15, 19, "LOC"]]}
    {"tokens": ["Ada", "met"], "spans": [{"start": 0, "end": 1, "type": "PER", "text": "Ada"}]}
    {"text": "周岚在苏州上学", "label": {"name": {"周岚": [[0, 1]]}, "address": {"苏州": [[3, 4]]}}}

`text` and `spans` name the fields of a row. `start`, `end`, `label` and `mention` are the keys in
a span, or positions in it where spans are lists: the second line is spans = "label", start = 0,
end = 1, label = 2. `layout = "by_label"` is the last line: label, then string, then its places.

Offsets count characters, or with `unit = "tokens"` the items of a list of tokens. They are
half-open unless `inclusive_end`. A string that the file gives for a span is kept as it is, so that
one which is not what stands there makes the record a reject, `offset_mismatch`: most of a file
rejected so means that `inclusive_end` or `unit` is wrong. `source_id` names the document's id.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from pipeline.errors import DeclarationError
from pipeline.readers._source import EXCERPT, attempt, items, join_tokens, json_rows
from pipeline.records import Mention, Record, Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Key = str | int
_CHOICES: Final = {"layout": ("list", "by_label"), "unit": ("characters", "tokens")}


class _Format(NamedTuple):
    language: str
    text: str
    spans: str
    keys: tuple[Key, Key, Key]
    mention: Key
    by_label: bool
    tokens: bool
    beyond: int
    source_id: str


def read(
    files: Sequence[Path],
    *,
    language: str,
    text: str = "text",
    spans: str = "entities",
    start: Key = "start",
    end: Key = "end",
    label: Key = "label",
    mention: Key = "text",
    layout: Literal["list", "by_label"] = "list",
    unit: Literal["characters", "tokens"] = "characters",
    inclusive_end: bool = False,
    source_id: str = "",
) -> Iterator[Record | Reject]:
    """Yield one record per row. A row without the field of spans is unlabelled, and rejected."""
    for name, value in (("layout", layout), ("unit", unit)):
        if value not in _CHOICES[name]:
            todo = f"use one of {', '.join(_CHOICES[name])}"
            what = f"span_json has no {name} {value!r}"
            raise DeclarationError(what, where=f"[reader] {name}", todo=todo)
    form = _Format(
        language,
        text,
        spans,
        (label, start, end),
        mention,
        layout == "by_label",
        unit == "tokens",
        int(inclusive_end),
        source_id,
    )
    for file in files:
        for origin, row in json_rows(file):
            item = attempt(origin, partial(_record, origin, form), row)
            yield _counted(item, row, form) if isinstance(item, Reject) else item


def _record(origin: str, form: _Format, row: Any) -> Record | Reject:
    text = tokens = row[form.text]
    starts: list[int] = []
    if form.tokens:
        if not isinstance(tokens, list):
            raise TypeError(f"{form.text!r} is no list of tokens")
        text, starts = join_tokens(tokens, form.language)
    size = len(tokens)
    mentions = []
    for label, first, last, given in _spans(form, row[form.spans]):
        if type(first) is not int or type(last) is not int or not isinstance(label, str):
            raise TypeError(f"a span of {label!r} from {first!r} to {last!r}")
        stop = last + form.beyond
        if not 0 <= first < stop <= size:
            detail = f"{label} {first}:{stop} of {size}"
            return Reject(origin, "offset_out_of_text", detail, str(text)[:EXCERPT])
        place = (first, stop)
        if form.tokens:
            place = starts[first], starts[stop - 1] + len(tokens[stop - 1])
        string = text[slice(*place)] if given is None else given
        mentions.append(Mention(string, *place, label))
    document = row[form.source_id] if form.source_id else None
    return Record(text, origin, mentions, source_id=None if document is None else str(document))


def _spans(form: _Format, spans: Any) -> Iterator[tuple[Any, Any, Any, Any]]:
    """(label, start, end, the string that the file gives or None) of each span, as they stand."""
    if form.by_label:
        for label, strings in spans.items():
            for string, places in strings.items():
                yield from ((label, first, last, string) for first, last in items(places))
        return
    label, start, end = form.keys
    for span in items(spans):
        if isinstance(span, dict):
            given = span.get(form.mention)
        else:
            given = span[form.mention] if isinstance(form.mention, int) else None
        yield span[label], span[start], span[end], given


def _counted(reject: Reject, row: Any, form: _Format) -> Reject:
    """A reject with the number of spans that are lost with the row."""
    spans = row.get(form.spans) if isinstance(row, dict) else None
    if form.by_label and isinstance(spans, dict):
        strings = [s for s in spans.values() if isinstance(s, dict)]
        found = sum(len(p) for s in strings for p in s.values() if isinstance(p, list))
    else:
        found = len(spans) if isinstance(spans, list) else 0
    return reject._replace(entities=found)
