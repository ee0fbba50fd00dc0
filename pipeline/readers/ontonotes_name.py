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

import re
from typing import Any, Final

from pipeline.readers._paths import Files, Item, Rows
from pipeline.readers._source import EXCERPT, files_in, lines, ontonotes_word
from pipeline.readers._text import unmarked
from pipeline.readers.json_rows import shaped
from pipeline.records import Reject

_MARK: Final = re.compile(r"<ENAMEX\b([^<>]*)>|</ENAMEX\b[^<>]*>")
_DOCUMENT: Final = re.compile(r'\s*<DOC\s+DOCNO="([^"]*)"\s*>\s*')
_ATTRIBUTE: Final = re.compile(r'(?<![A-Z_])([A-Z_]+)="([^"]*)"')
_TRACE: Final = re.compile(r"\*(?:-[0-9]+|[A-Za-z?]+\*(?:-[0-9]+)*)")
_OFFSET: Final = re.compile("[0-9]{1,9}")


def _sentences(files: Files, _: object) -> Rows:
    """Each sentence with the number of its document."""
    for file in files_in(files, ".name"):
        document = file.stem
        for origin, line in lines(file):
            sentence = line.strip()
            if begin := _DOCUMENT.fullmatch(sentence):
                document = begin[1]
            elif sentence and sentence != "</DOC>":
                yield origin, Item((sentence, document))


def _row(origin: str, row: tuple[str, str], _: object) -> Rows:
    sentence, document = row
    text_and_spans = unmarked(sentence, _MARK, _words)
    text, spans = text_and_spans or ("", [])
    names = [_name(*span) for span in spans]
    if text_and_spans is None or None in names:
        reason = "malformed_mark" if text_and_spans else "unbalanced_marks"
        detail = spans[names.index(None)][2].strip() if text_and_spans else ""
        lost = sentence.count("<ENAMEX")
        yield origin, Reject(origin, reason, detail, sentence[:EXCERPT], entities=lost)
    else:
        yield origin, {"text": text, "spans": names, "document": document}


def _words(piece: str) -> str:
    """A piece of a sentence without escapes and traces; the blanks at its ends stay."""
    return " ".join(ontonotes_word(word) for word in piece.split(" ") if not _TRACE.fullmatch(word))


def _name(start: int, end: int, marked: str) -> list[Any] | None:
    """Label, start and end of a name, without what the offsets in its mark take from it."""
    attributes = dict(_ATTRIBUTE.findall(marked))
    skip, leave = attributes.get("S_OFF", "0"), attributes.get("E_OFF", "0")
    if "TYPE" not in attributes or not (_OFFSET.fullmatch(skip) and _OFFSET.fullmatch(leave)):
        return None
    first, stop = start + int(skip), end - int(leave)
    return [attributes["TYPE"], first, stop] if first < stop else None


read, _ = shaped("spans", _row, _sentences)
