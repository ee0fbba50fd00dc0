r"""A sentence with one marked pair a row, a tab, and the relation: the training file of COAE2016.

    <e1>林舟</e1>毕业于<e2>江州大学</e2>,后来回到母校任教。<TAB>cr16
    <e2>1971年3月</e2>出生的<e1>林舟</e1>是江州人。<TAB>cr2

e1 is the head, wherever it stands. The tags are cut, and nothing is put in their place; blanks
inside a pair of tags stay in the text and are no part of the mention.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.readers._source import EXCERPT, lines
from pipeline.readers.marked_pairs import pair
from pipeline.records import Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pipeline.records import Record


def read(files: Sequence[Path]) -> Iterator[Record | Reject]:
    """Yield one record per row; rows of the same sentence complete each other."""
    for file in files:
        for origin, line in lines(file):
            if not line.strip():
                continue
            marked, _, label = line.rpartition("\t")
            if marked and label.strip():
                yield pair(origin, marked, label.strip())
            else:
                yield Reject(origin, "missing_label", "", line[:EXCERPT])
