"""OntoNotes' own .name files: one sentence a line, tokens apart by blanks, names as inline marks.

    <DOC DOCNO="bn/vela/00/vela_0007@0007@vela@bn@en@on">
    <ENAMEX TYPE="PERSON">Dana Whitlow</ENAMEX> sat -LRB- in <ENAMEX TYPE="GPE">Rome</ENAMEX> -RRB-
    The <ENAMEX TYPE="GPE" E_OFF="6">Oslo-based</ENAMEX> firm sold AT&T for $ 4
    </DOC>

It looks like XML and is not: "&" and "<" stand bare. S_OFF and E_OFF say how many characters at the
start and at the end of the marked tokens are not part of the name ("Oslo"). Treebank escapes become
the characters they stand for, and traces such as *T*-1, which are no words, are left out. Of a
folder, all files in it that end in `.name` are read, in the order of their paths; a file is there
only for documents that were annotated with names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pipeline.readers._source import EXCERPT, files_in, lines, ontonotes_word
from pipeline.records import Mention, Record, Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_MARK: Final = re.compile(r"</?ENAMEX\b([^<>]*)>")
_DOCUMENT: Final = re.compile(r'\s*<DOC\s+DOCNO="([^"]*)"\s*>\s*')
_ATTRIBUTE: Final = re.compile(r'(?<![A-Z_])([A-Z_]+)="([^"]*)"')
_TRACE: Final = re.compile(r"\*(?:-[0-9]+|[A-Za-z?]+\*(?:-[0-9]+)*)")
_OFFSET: Final = re.compile("[0-9]{1,9}")


def read(files: Sequence[Path]) -> Iterator[Record | Reject]:
    """Yield one record per sentence; its source id is the document's number."""
    for file in files_in(files, ".name"):
        document = file.stem
        for origin, line in lines(file):
            sentence = line.strip()
            if begin := _DOCUMENT.fullmatch(sentence):
                document = begin[1]
            elif sentence and sentence != "</DOC>":
                yield _record(origin, sentence, document)


def _record(origin: str, sentence: str, document: str) -> Record | Reject:
    text = ""
    opened: list[tuple[int, dict[str, str]]] = []
    mentions: list[Mention] = []
    position = 0
    balanced = True
    for mark in _MARK.finditer(sentence):
        text += _words(sentence[position : mark.start()])
        position = mark.end()
        if not mark[0].startswith("</"):
            opened.append((len(text), dict(_ATTRIBUTE.findall(mark[1]))))
        elif opened:
            start, attributes = opened.pop()
            mention = _mention(text, start, attributes)
            if mention is None:
                return _reject(origin, "malformed_mark", mark[0], sentence)
            mentions.append(mention)
        else:
            balanced = False
    if opened or not balanced:
        return _reject(origin, "unbalanced_marks", "", sentence)
    text += _words(sentence[position:])
    ordered = sorted(mentions, key=lambda m: (m.start or 0, m.end or 0))
    return Record(text, origin, ordered, source_id=document)


def _words(piece: str) -> str:
    """A piece of a sentence without escapes and traces; the blanks at its ends stay."""
    return " ".join(ontonotes_word(word) for word in piece.split(" ") if not _TRACE.fullmatch(word))


def _mention(text: str, start: int, attributes: dict[str, str]) -> Mention | None:
    skip, leave = attributes.get("S_OFF", "0"), attributes.get("E_OFF", "0")
    if "TYPE" not in attributes or not (_OFFSET.fullmatch(skip) and _OFFSET.fullmatch(leave)):
        return None
    first, stop = start + int(skip), len(text) - int(leave)
    return Mention(text[first:stop], first, stop, attributes["TYPE"]) if first < stop else None


def _reject(origin: str, reason: str, detail: str, sentence: str) -> Reject:
    lost = sentence.count("<ENAMEX")
    return Reject(origin, reason, detail, sentence[:EXCERPT], entities=lost)
