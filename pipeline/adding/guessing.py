"""The reader's options that files in a known format ask for: fields, columns, tag scheme, and more.

A guess is a start: `settled` then changes one option at a time while the files are read better.
Options that the user gave are never changed; where they fit badly, that is said instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline.adding import fitting, mistakes, tabular
from pipeline.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset

#: What the fields of JSON rows are called elsewhere.
_ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "text": ("sentence", "content", "sentText", "sent", "tokens", "words", "context"),
    "tokens": ("words", "token", "text", "sentence"),
    "tags": ("ner", "labels", "label", "ner_labels", "bio", "tag"),
    "spans": ("entities", "spans", "label", "labels", "ner", "annotations", "entity_list"),
    "start": ("start", "begin", "start_offset", "start_idx", "start_index", "offset"),
    "end": ("end", "stop", "end_offset", "end_idx", "end_index"),
    "label": ("label", "type", "entity_type", "tag", "category"),
    "mention": ("text", "mention", "entity", "word", "surface", "name", "span"),
    "id": ("doc_id", "docid", "uid"),
    "spo_list": ("triples", "triple_list", "relations", "relationMentions", "spos", "labels"),
    "predicate": ("relation", "label", "p", "rel", "relation_type", "type"),
    "subject": ("head", "h", "s", "subj", "em1Text", "e1"),
    "object": ("tail", "t", "o", "obj", "em2Text", "e2"),
    "subject_type": ("head_type", "h_type", "subj_type"),
    "object_type": ("tail_type", "t_type", "obj_type"),
    "event_list": ("events", "event_mentions", "labels"),
    "event_type": ("type", "label", "event"),
    "trigger": ("trigger_word", "word", "mention"),
    "trigger_start_index": ("trigger_start", "start", "trigger_offset"),
    "arguments": ("args", "argument_list", "roles"),
    "role": ("type", "label", "argument_role"),
    "argument": ("text", "mention", "word", "entity", "value"),
    "argument_start_index": ("start", "argument_start", "offset", "start_index"),
}
#: Reader -> the list that holds the fields -> their names in the reader.
_ROWS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "spo_json": {
        "": ("text", "id", "spo_list"),
        "spo_list": ("predicate", "subject", "object", "subject_type", "object_type"),
    },
    "event_json": {
        "": ("text", "id", "event_list"),
        "event_list": ("event_type", "trigger", "trigger_start_index", "arguments"),
        "arguments": ("role", "argument", "argument_start_index"),
    },
}


def settled(dataset: Dataset, given: Mapping[str, Any], files: Sequence[Path]) -> Dataset:
    """The dataset with the reader's options that fit the files best, those given included."""

    def under(options: Mapping[str, Any]) -> Dataset:
        reader = {"name": dataset.reader["name"], **options}
        return msgspec.structs.replace(dataset, reader=reader)

    name = dataset.reader["name"]
    starts = [under({**_start(name, given, files), **given})]
    if given:
        # What the files say by themselves: a wrong option would hide what the others should be.
        free = under(_start(name, {}, files))
        while change := mistakes.better(free, files):
            free = under(change.reader)
        starts.insert(0, under({**free.reader, **given}))
    best = max(starts, key=lambda d: fitting.fit(d, files).score)
    while change := mistakes.better(best, files):
        touched = {k for k, v in change.reader.items() if best.reader.get(k) != v}
        if wrong := sorted(touched & {*given}):
            raise DeclarationError(
                f"likely mistake: {mistakes.explained(best, change)}",
                where=", ".join(map(str, files)),
                todo=f"leave out --option {wrong[0]}=..., or correct it",
            )
        best = under(change.reader)
    return best


def _start(reader: str, given: Mapping[str, Any], files: Sequence[Path]) -> dict[str, Any]:
    """The options that can be seen in the first lines or the first row."""
    if reader == "columns":
        return tabular.of_columns(given, files)
    if reader == "pair_table":
        return tabular.of_table(given, files)
    row = mistakes.first_row(files)
    if reader == "span_json":
        return _span_fields(row, given)
    if reader == "tagged_json":
        return _tag_fields(row, given)
    return _fields(reader, row, given) if reader in _ROWS and row else {}


def _span_fields(row: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Where text and spans stand in a row, and start, end, label and string in a span."""
    found = {
        name: own
        for name in ("text", "spans")
        if name not in given and (own := _named(name, row)) is not None
    }
    spans = row.get({"spans": "entities", **found, **given}["spans"])
    text = row.get({"text": "text", **found, **given}["text"])
    if isinstance(text, list) and "unit" not in given:
        found["unit"] = "tokens"
    if isinstance(spans, dict) and "layout" not in given:
        found["layout"] = "by_label"
    first: Any = spans[0] if isinstance(spans, list) and spans else None
    names: list[tuple[str, Any]] = []
    if isinstance(first, list):
        numbers = [i for i, v in enumerate(first) if isinstance(v, int)][:2]
        strings = [i for i, v in enumerate(first) if isinstance(v, str)]
        strings.sort(key=lambda i: isinstance(text, str) and first[i] in text)
        names = [*zip(("start", "end"), numbers, strict=False)]
        names += [*zip(("label", "mention"), strings, strict=False)]
    elif isinstance(first, dict):
        names = [(name, _named(name, first)) for name in ("start", "end", "label", "mention")]
    return found | {k: v for k, v in names if k not in given and v is not None}


def _tag_fields(row: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Where tokens and tags stand in a row."""
    own = {"tokens": "tokens", "tags": "ner_tags"}
    lacking = [name for name in own if name not in given and own[name] not in row]
    return {name: key for name in lacking if (key := _named(name, row)) is not None}


def _fields(reader: str, row: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The option `fields`: every field of the reader that stands in the row under another name."""
    own = dict(given.get("fields", {}))
    parts: dict[str, Mapping[str, Any]] = {"": row}
    for level, names in _ROWS[reader].items():
        part = parts.get(level, {})
        for name in names:
            if name not in own and (other := _named(name, part)) not in (None, name):
                own[name] = other
            inner = part.get(own.get(name, name))
            if isinstance(inner, list) and inner and isinstance(inner[0], dict):
                parts[name] = inner[0]
    return {"fields": own} if own else {}


def _named(name: str, part: Mapping[str, Any]) -> Any:
    """The key of a JSON object that is the field `name`, or None.

    Where no name tells, the text is the longest string, and the spans a list of lists or objects.
    """
    found = next((key for key in (name, *_ALIASES[name]) if key in part), None)
    if found is None and name == "text":
        strings = {key: len(value) for key, value in part.items() if isinstance(value, str)}
        return max(strings, key=lambda key: strings[key], default=None)
    if found is None and name == "spans":
        lists = [k for k, v in part.items() if isinstance(v, list) and v]
        return next((k for k in lists if isinstance(part[k][0], list | dict)), None)
    return found
