"""Tokens and their tags as two lists in JSON, one sentence a line or one array, as on the hub.

    {"tokens": ["Ada", "met", "Tom", "."], "ner_tags": [1, 0, 1, 0], "lang": "en"}
    {"tokens": ["Ada", "met", "Tom", "."], "ner_tags": ["B-PER", "O", "B-PER", "O"]}

`tokens` and `tags` name the fields. Where tags are numbers, `tag_names` says what they mean, from 0
on: ["O", "B-PER", "I-PER", ...]. `scheme` is as in the reader `columns`; an I- that continues
nothing opens an entity. `source_id` names the field of the document's id, if there is one.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from pipeline.errors import DeclarationError
from pipeline.readers._source import EXCERPT, attempt, join_tokens, json_rows, listed
from pipeline.readers.columns import Scheme, count_entities, decode_tags
from pipeline.records import Mention, Record, Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class _Format(NamedTuple):
    language: str
    tokens: str
    tags: str
    names: dict[Any, str]
    scheme: Scheme
    source_id: str


def read(
    files: Sequence[Path],
    *,
    language: str,
    tokens: str = "tokens",
    tags: str = "ner_tags",
    tag_names: Sequence[str] = (),
    scheme: Scheme = "IOB2",
    source_id: str = "",
) -> Iterator[Record | Reject]:
    """Yield one record per row."""
    if scheme not in get_args(Scheme):
        todo = f"use one of {', '.join(get_args(Scheme))}"
        raise DeclarationError(f"no tag scheme {scheme!r}", where="[reader] scheme", todo=todo)
    names = dict(enumerate(tag_names))
    form = _Format(language, tokens, tags, names, scheme, source_id)
    for file in files:
        for origin, row in json_rows(file):
            item = attempt(origin, partial(_record, origin, form), row)
            yield _counted(item, row, form) if isinstance(item, Reject) else item


def _counted(reject: Reject, row: Any, form: _Format) -> Reject:
    """A reject with the number of entities that are lost with the row."""
    tags = _named(listed(row, form.tags), form)
    known = [tag if isinstance(tag, str) else "O" for tag in tags]
    return reject._replace(entities=count_entities(known, form.scheme))


def _named(tags: list[Any], form: _Format) -> list[Any]:
    """The tags by their names, where they are numbers that have names; any other is odd then."""
    if not form.names:
        return tags
    return [form.names.get(t, repr(t)) if type(t) is int else repr(t) for t in tags]


def _record(origin: str, form: _Format, row: Any) -> Record | Reject:
    tokens, tags = row[form.tokens], row[form.tags]
    if not isinstance(tokens, list) or not isinstance(tags, list):
        raise TypeError("tokens and tags are not two lists")
    if not form.names and any(type(tag) is int for tag in tags):
        raise TypeError("tags are numbers: give tag_names")
    text, starts = join_tokens(tokens, form.language)
    spans = decode_tags(_named(tags, form), form.scheme)
    if len(tokens) != len(tags):
        detail = f"{len(tokens)} tokens, {len(tags)} tags"
        return Reject(origin, "length_mismatch", detail, text[:EXCERPT])
    if isinstance(spans, str):
        return Reject(origin, "unknown_tag", spans, text[:EXCERPT])
    mentions = []
    for first, last, label in spans:
        start, end = starts[first], starts[last] + len(tokens[last])
        mentions.append(Mention(text[start:end], start, end, label))
    document = row[form.source_id] if form.source_id else None
    return Record(text, origin, mentions, source_id=None if document is None else str(document))
