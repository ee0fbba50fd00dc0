"""One token a line with several tag columns, one per level of nested entities.

    the     O        O
    human   B-DNA    B-protein        innermost entities in the first tag column:
    IL      I-DNA    O                "human IL" and "human" are two entities
    gene    O        O

Sentences are apart by empty lines. Every column after the token is a layer of tags of its own, in
`scheme` (see the reader `columns`), and all rows of a sentence have equally many. Tags that cannot
hold a nested entity in one column are the reason for the format: reading only the first loses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.readers._options import Joined
from pipeline.readers._source import EXCERPT, join_tokens, lines
from pipeline.readers.columns import Scheme, count_entities, decode_tags
from pipeline.records import Mention, Record, Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class Options(Joined, frozen=True):
    """The tag scheme, and what parts the columns."""

    scheme: Scheme = "IOB2"
    separator: str = "\t"


def read(files: Sequence[Path], options: Options) -> Iterator[Record | Reject]:
    """Yield one record per sentence, its mentions layer by layer."""
    for file in files:
        rows: list[list[str]] = []
        origin = ""
        for place, line in lines(file):
            if line.strip():
                origin = origin or place
                rows.append(line.split(options.separator))
            elif rows:
                yield _record(rows, origin, options.language, options.scheme)
                rows, origin = [], ""
        if rows:
            yield _record(rows, origin, options.language, options.scheme)


def _record(rows: list[list[str]], origin: str, language: str, scheme: Scheme) -> Record | Reject:
    width = max(map(len, rows))
    text, starts = join_tokens([row[0] for row in rows], language)
    reason, detail, lost = "", "", 0
    if width < 2 or any(len(row) < width for row in rows):
        narrow = min(map(len, rows))
        reason, detail = (
            "missing_column",
            f"rows of {narrow} columns, where {max(width, 2)} are due",
        )
    mentions = []
    for layer in range(1, width):
        tags = [row[layer].strip() if layer < len(row) else "O" for row in rows]
        spans = decode_tags(tags, scheme)
        if isinstance(spans, str):
            reason, detail = reason or "unknown_tag", detail or f"layer {layer}: {spans}"
            lost += count_entities(tags, scheme)
            continue
        for first, last, label in spans:
            start, end = starts[first], starts[last] + len(rows[last][0])
            mentions.append(Mention(text[start:end], start, end, label))
    if reason:
        return Reject(origin, reason, detail, text[:EXCERPT], entities=lost + len(mentions))
    return Record(text, origin, mentions)
