"""Instances sorted by relation, as FewRel writes them: one JSON object, one relation an instance.

    {"P177": [{"tokens": ["Harl", "Bridge", "spans", "the", "Sava", "."],
               "h": ["harl bridge", "Q9000001", [[0, 1]]], "t": ["sava", "Q9000002", [[4]]]}, ...],
     "P26": [...]}

`h` and `t` are head and tail, in any order in the text: a name, an identifier, and for each
mention the numbers of its tokens. The first mention is taken, written as its tokens are (the name
is in lower case). Tokens may be blanks, line feeds among them, and stay in the text.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline.errors import RawFileError
from pipeline.readers._source import EXCERPT, attempt, items, join_tokens, json_document, whole
from pipeline.records import Mention, Record, Reject, Relation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def read(files: Sequence[Path], *, language: str) -> Iterator[Record | Reject]:
    """Yield one record per instance; instances of the same text complete each other."""
    for file in files:
        relations = json_document(file)
        if not isinstance(relations, dict):
            raise RawFileError(
                "not a JSON object of relations", where=file, todo="check the file or the reader"
            )
        for relation, rows in relations.items():
            if not isinstance(rows, list):
                place = f"{file.name}:{relation}"
                yield Reject(place, "malformed_record", "no list", str(rows)[:EXCERPT])
                continue
            for number, row in enumerate(rows, start=1):
                place = f"{file.name}:{relation}#{number}"
                build = partial(_record, relation=relation, origin=place, language=language)
                item = attempt(place, build, row)
                yield item._replace(relations=1) if isinstance(item, Reject) else item


def _record(row: dict[str, Any], *, relation: str, origin: str, language: str) -> Record | Reject:
    tokens = items(row["tokens"])
    text, starts = join_tokens(tokens, language)
    mentions = []
    for side in ("h", "t"):
        numbers = row[side][2][0]
        mention = mention_at(numbers, tokens, starts, text, language)
        if mention is None:
            detail = f"{side} is {numbers} of {len(tokens)} tokens"
            return Reject(origin, "no_such_token", detail[:EXCERPT], text[:EXCERPT])
        mentions.append(mention)
    return Record(text, origin, mentions, [Relation(relation, 0, 1)])


def mention_at(
    numbers: list[int], tokens: Sequence[str], starts: Sequence[int], text: str, language: str
) -> Mention | None:
    """The mention made of the numbered tokens; None where there are none, or no such tokens.

    Numbers with a gap between them make a discontinuous mention, its tokens joined.
    """
    wanted = sorted({whole(number) for number in numbers})
    if not wanted or wanted[0] < 0 or wanted[-1] >= len(tokens):
        return None
    first, last = wanted[0], wanted[-1]
    if last - first + 1 == len(wanted):
        start, end = starts[first], starts[last] + len(tokens[last])
        return Mention(text[start:end], start, end)
    joined, _ = join_tokens([tokens[number] for number in wanted], language)
    return Mention(joined, discontinuous=True)
