r"""A sentence with one marked pair, its relation on the next line: SemEval-2010 Task 8 and KBP37.

    1<TAB>"A <e1>smith</e1> forged a <e2>key</e2>."   7<TAB>" <e1> Orla </e1> ran <e2> Tidal </e2> "
    Product-Producer(e2,e1)                     org:top_members/employees(e2,e1)
    Comment: the smith is the producer

    with one_row (COAE2016): <e1>林舟</e1>毕业于<e2>江州大学</e2>,后来回到母校任教。<TAB>cr16

The last two lines of a block are a comment (or nothing) and nothing. "(e1,e2)" says that e1 is the
head, "(e2,e1)" that e2 is; a label without either is no relation, or one that reads from e1 to e2.
The outer quotation marks are cut, inner ones stay. Where the tags are words of their own, each goes
with one of its blanks; where they are glued to the text, nothing is put in their place.
"""

from __future__ import annotations

import re
from typing import Final

from pipeline.readers._options import Files, Found, Table
from pipeline.readers._source import EXCERPT, lines, trimmed
from pipeline.records import Mention, Record, Reject, Relation

_TAG: Final = re.compile("(</?e[12]>)")
_COMMENT: Final = "Comment:"


class Options(Table, frozen=True):
    """Where the label stands."""

    #: The relation stands behind a tab in the row of its sentence.
    one_row: bool = False


def read(files: Files, options: Options) -> Found:
    """Yield one record per block or row; those of the same sentence complete each other."""
    for file in files:
        if options.one_row:
            rows = ((at, line.rpartition("\t")) for at, line in lines(file) if line.strip())
            for origin, (marked, _, label) in rows:
                missing = Reject(origin, "missing_label", "", (marked or label)[:EXCERPT])
                yield pair(origin, marked, label.strip()) if marked and label.strip() else missing
            continue
        sentence: tuple[str, str] | None = None
        for origin, line in lines(file):
            if sentence is None:
                if line.strip() and not line.startswith(_COMMENT):
                    sentence = origin, line
            elif "\t" in line:
                yield _block(*sentence, "")
                sentence = origin, line
            else:
                yield _block(*sentence, line.strip())
                sentence = None
        if sentence is not None:
            yield _block(*sentence, "")


def _block(origin: str, line: str, label: str) -> Record | Reject:
    if not label or label.startswith(_COMMENT):
        return Reject(origin, "missing_label", "", line[:EXCERPT])
    quoted = line.partition("\t")[2].strip()
    if len(quoted) < 2 or quoted[0] != '"' or quoted[-1] != '"':
        why = "no number, tab and quoted sentence"
        return Reject(origin, "malformed_sentence", why, line[:EXCERPT], relations=1)
    return pair(origin, quoted[1:-1], label)


def pair(origin: str, marked: str, label: str) -> Record | Reject:
    """The record of a marked sentence and its label, directed or not."""
    pieces = _TAG.split(marked.strip())
    text, at = pieces[0], {}
    for tag, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        at[tag] = len(text)
        text += piece[1:] if piece[:1] == " " and text[-1:] in ("", " ") else piece
    if len(pieces) != 9 or len(at) != 4:
        why = f"tags are {' '.join(pieces[1::2]) or 'missing'}"
        return Reject(origin, "malformed_tags", why, marked[:EXCERPT], relations=1)
    text = text.rstrip()
    # An empty mention is for `normalize` to reject.
    spans = [trimmed(text, at[f"<{end}>"], at[f"</{end}>"]) for end in ("e1", "e2")]
    mentions = [Mention(text[start:stop], start, stop) for start, stop in spans]
    head, tail = 0, 1
    if label.endswith("(e2,e1)"):
        head, tail = tail, head
    bare = label.removesuffix("(e1,e2)").removesuffix("(e2,e1)")
    return Record(text, origin, mentions, [Relation(bare, head, tail)])
