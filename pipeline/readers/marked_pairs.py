r"""A sentence with one marked pair, its relation on the next line: SemEval-2010 Task 8 and KBP37.

    1<TAB>"A <e1>smith</e1> forged a <e2>key</e2>."   7<TAB>" <e1> Orla </e1> ran <e2> Tidal </e2> "
    Product-Producer(e2,e1)                     org:top_members/employees(e2,e1)
    Comment: the smith is the producer

The last two lines of a block are a comment (or nothing) and nothing. "(e1,e2)" says that e1 is the
head, "(e2,e1)" that e2 is; a label without either is no relation, or one that reads from e1 to e2.
The outer quotation marks are cut, inner ones stay. Where the tags are words of their own, each goes
with one of its blanks; where they are glued to the text, nothing is put in their place.
"""

from typing import Final

from pipeline.readers._paths import Files, Found, RowError
from pipeline.readers._source import EXCERPT, lines
from pipeline.readers._text import directed, unpaired
from pipeline.records import Mention, Record, Reject, Relation

_MARKS: Final = ("<e1>", "</e1>", "<e2>", "</e2>")
_COMMENT: Final = "Comment:"


def read(files: Files) -> Found:
    """Yield one record per block; those of the same sentence complete each other."""
    for file in files:
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
    try:
        text, ends = unpaired(marked, _MARKS)
    except RowError as problem:
        return Reject(origin, problem.reason, str(problem), marked[:EXCERPT], relations=1)
    # An empty mention is for `normalize` to reject.
    mentions = [Mention(text[start:end], start, end) for start, end in ends]
    name, turned = directed(label, _MARKS)
    return Record(text, origin, mentions, [Relation(name, int(turned), int(not turned))])
