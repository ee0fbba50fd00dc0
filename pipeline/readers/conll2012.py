r"""The columns of CoNLL-2012 (OntoNotes): one word a line, names as brackets in column eleven.

    #begin document (bn/vela/00/vela_0007); part 000
    bn/vela/00/vela_0007  0  0  Dana   NNP  (TOP(S(NP*  -  -  -  -  (PERSON*  (ARG0*  (3
    bn/vela/00/vela_0007  0  1  Whitlow NNP *)          -  -  -  -  *)        *)      3)
    bn/vela/00/vela_0007  0  2  slept  VBD  (VP*))      sleep 01 1 -  *       (V*)    -

    #end document

The columns after the eleventh vary in number. Of a folder, all files in it that end in `gold_conll`
are read, in the order of their paths; skeletons (`gold_skel`, words masked) and automatic analyses
are not. Documents whose id begins with a prefix in `without_names` were never annotated with names,
and are skipped, for unannotated is not negative. Treebank escapes become the characters they stand
for: -LRB- is "(", /. is ".", \/ is "/".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pipeline.readers._options import Joined
from pipeline.readers._source import EXCERPT, files_in, join_tokens, lines
from pipeline.records import Mention, Record, Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_BRACKETS: Final = {"LRB": "(", "RRB": ")", "LSB": "[", "RSB": "]", "LCB": "{", "RCB": "}"}
_ESCAPES: Final = {
    **{f"-{name}-": sign for name, sign in _BRACKETS.items()},
    **{f"/{sign}": sign for sign in ".?-"},
    "-AMP-": "&",
}
_NAME_BITS: Final = re.compile(r"\(([^()*\s]+)|(\))|\*")
_WORD, _NAMES = 3, 10


def unescaped(word: str) -> str:
    """A treebank word as it stood in the text."""
    if "\\" in word:
        word = word.replace("\\/", "/").replace("\\*", "*")
    return _ESCAPES.get(word, word)


class Options(Joined, frozen=True):
    """The beginnings of the ids of documents without names."""

    without_names: tuple[str, ...] = ()


def read(files: Sequence[Path], options: Options) -> Iterator[Record | Reject]:
    """Yield one record per sentence; its source id is the document's, without the part."""
    skipped = tuple(options.without_names)
    for file in files_in(files, "gold_conll"):
        rows: list[list[str]] = []
        origin, broken = "", None
        for place, line in _with_end(file):
            columns = line.split()
            if not columns or columns[0] in ("#begin", "#end"):
                if broken:
                    yield broken._replace(entities=_opened(rows))
                elif rows and not rows[0][0].startswith(skipped):
                    yield _record(rows, origin, options.language)
                rows, broken = [], None
                continue
            if not rows and not broken:
                origin = place
            if len(columns) <= _NAMES:
                broken = broken or Reject(
                    place, "missing_column", f"{len(columns)} columns", line[:EXCERPT]
                )
                continue
            rows.append(columns)


def _with_end(file: Path) -> Iterator[tuple[str, str]]:
    yield from lines(file)
    yield "", ""


def _record(rows: list[list[str]], origin: str, language: str) -> Record | Reject:
    words = [unescaped(columns[_WORD]) for columns in rows]
    text, starts = join_tokens(words, language)
    spans = _decode([columns[_NAMES] for columns in rows])
    if isinstance(spans, str):
        lost = _opened(rows)
        return Reject(origin, "unbalanced_brackets", spans, text[:EXCERPT], entities=lost)
    mentions = []
    for first, last, label in spans:
        start, end = starts[first], starts[last] + len(words[last])
        mentions.append(Mention(text[start:end], start, end, label))
    return Record(text, origin, mentions, source_id=rows[0][0])


def _opened(rows: Sequence[Sequence[str]]) -> int:
    return sum(columns[_NAMES].count("(") for columns in rows)


def _decode(cells: Sequence[str]) -> list[tuple[int, int, str]] | str:
    """(first word, last word, label) of every name, or the first cell that breaks the brackets."""
    spans: list[tuple[int, int, str]] = []
    opened: list[tuple[int, str]] = []
    for index, cell in enumerate(cells):
        if cell == "*":
            continue
        if _NAME_BITS.sub("", cell):
            return f"{cell!r} is no bracket of a name"
        for bit in _NAME_BITS.finditer(cell):
            if bit[1]:
                opened.append((index, bit[1]))
            elif bit[2]:
                if not opened:
                    return f"{cell!r} closes nothing"
                first, label = opened.pop()
                spans.append((first, index, label))
    return f"({opened[-1][1]} stays open" if opened else sorted(spans)
