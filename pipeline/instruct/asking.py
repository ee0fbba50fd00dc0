"""What is asked of the records of one split for one task; this whole stage builds on it.

An absent label is an answer only where annotators looked for it. A declaration says of each task
what they looked for (`coverage`), and `instruct.incomplete` says what becomes of the tasks that
are not "complete":

    coverage   annotated is                   "given" asks
    complete   every label, everywhere        the whole text
    pair       a label of a chosen pair       about that pair, which the instruction gives
    event      a chosen event                 no events (EE, EET); their arguments (EEA) are whole
    partial    most of what there is          the whole text

Of "pair" and "partial" tasks no label is asked that a positive one makes doubtful (`implied`).
"positives" asks only the labels that are present, "ask" asks as if all were complete, "skip" leaves
the task out.

To make the sets of labels that train records are asked, `labels_held` counts what these hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import tasks
from pipeline.instruct import batching, confusable, pairs
from pipeline.instruct.confusable import Sets

if TYPE_CHECKING:
    from pipeline.catalog import Dataset
    from pipeline.config import Instruct

#: How a task is asked: of the whole text, of a given pair, without doubtful labels, of what is
#: present alone, or not at all.
Way = Literal["text", "pair", "sure", "present", "never"]
#: Ways in which a label is not asked where a positive one makes it doubtful.
WITHOUT_DOUBTFUL: Final = ("pair", "sure")


def way(dataset: Dataset, task: str, settings: Instruct) -> Way:
    """Return how a dataset's task is asked under the parameters."""
    coverage = dataset.coverage.get(task, "complete")
    if coverage == "complete" or settings.incomplete == "ask":
        return "text"
    if settings.incomplete == "skip":
        return "never"
    if settings.incomplete == "positives":
        return "present"
    given: dict[str, Way] = {"pair": "pair", "event": "never", "partial": "sure"}
    return given[coverage]


class Asking(NamedTuple):
    """The labels to ask, and all that decides how."""

    dataset: Dataset
    task: str
    split: str
    #: The keys of the labels, and for each key its near labels, best first.
    labels: Sequence[str]
    near: Mapping[str, Sequence[str]]
    settings: Instruct
    #: The sets that train records are asked, where the grouping has sets.
    sets: Sets | None = None
    #: Whether a label of the task means something else in another dataset, and all are described.
    qualified: bool = False

    @property
    def absent(self) -> str | None:
        """Return the answer to a label that is absent; None where only those present are asked."""
        return tasks.ABSENT[self.task]

    @property
    def way(self) -> Way:
        """Return how the task is asked, given what its annotation covers."""
        return way(self.dataset, self.task, self.settings)

    @property
    def k(self) -> int:
        """Return how many labels an instruction asks at most."""
        return self.settings.k(self.task)

    def answer_keys(self) -> list[str]:
        """Return the key of the answer of each label; two labels may share one."""
        keys = tasks.output_keys(self.dataset, self.task)
        return [keys.get(key, key) for key in self.labels]

    def numbers(self) -> Any:
        """Return inventory number -> number among the labels, -1 if not asked; -1 comes last."""
        number = {key: i for i, key in enumerate(self.labels)}
        inventory = tasks.inventory(self.dataset, self.task)
        return np.array([*(number.get(key, -1) for key in inventory), -1], np.int64)

    def near_matrix(self) -> Any:
        """Return the rank of each label among the near ones of another, -1 for none."""
        return near_matrix(self.labels, self.near)


def near_matrix(labels: Sequence[str], near: Mapping[str, Sequence[str]]) -> Any:
    """Return labels x labels: the rank of the second among the near ones of the first, or -1."""
    number = {key: i for i, key in enumerate(labels)}
    matrix = np.full((len(labels), len(labels)), -1, np.int64)
    for key, others in near.items():
        if key in number:
            ranked = [number[o] for o in others if o in number and o != key]
            matrix[number[key], ranked] = np.arange(len(ranked))
    return matrix


def labels_held(table: Any, asking: Asking) -> tuple[bytes, list[int]]:
    """Return the distinct label rows of train records, as bits, and how many records hold each.

    `table` needs the columns id, mentions, relations and events, and text where pairs are asked
    about. Records that are not asked at all are left out. `sets_to_ask` adds up the counts of
    several tables.
    """
    if asking.way == "pair":
        table = pairs.by_pair(table)
    row, code = tasks.held(asking.dataset, asking.task, table)
    positive = np.zeros((table.num_rows, len(asking.labels)), bool)
    positive[row, asking.numbers()[code]] = True
    if asking.settings.negative_record_rate < 1:
        positive = positive[batching.to_ask(pairs.unit_ids(table), positive, asking.settings)]
    bits = np.packbits(positive, axis=1)
    kind = pa.binary(bits.shape[1])
    rows = pa.Array.from_buffers(kind, len(bits), [None, pa.py_buffer(bits)])
    counted = pc.value_counts(rows)  # by hash: sorting the rows would take ten times as long
    return b"".join(counted.field("values").to_pylist()), counted.field("counts").to_pylist()


def sets_to_ask(asking: Asking, held_by_table: Sequence[tuple[bytes, list[int]]]) -> Sets:
    """Return the label sets to ask of train records, from `labels_held` of each table."""
    labels = len(asking.labels)
    packed = np.frombuffer(b"".join(bits for bits, _ in held_by_table), np.uint8)
    rows, at = np.unique(packed.reshape(-1, -(-labels // 8)), axis=0, return_inverse=True)
    times = np.zeros(len(rows), np.int64)
    np.add.at(times, at, np.array([n for _, counts in held_by_table for n in counts], np.int64))
    positive = np.unpackbits(rows, axis=1, count=labels).astype(bool)
    called = tasks.sources(asking.dataset, asking.task)
    return confusable.sets_of(
        [called.get(key, key) for key in asking.labels],
        asking.near_matrix(),
        _groups(asking),
        (positive, times),
        asking.k,
        asking.settings,
    )


def implied(dataset: Dataset, task: str, labels: Sequence[str]) -> list[tuple[int, int]]:
    """Return pairs of labels by their numbers: where the first holds, the second mostly does.

    A predicate stands for all of its signatures.
    """
    names = {"_".join(s): s[1] for s in dataset.signatures_of()} if task == "SPO" else {}
    numbers: dict[str, list[int]] = {}
    for n, key in enumerate(labels):
        numbers.setdefault(names.get(key, key), []).append(n)
    return [
        (n, other)
        for name, others in dataset.implied.items()
        for n in numbers.get(name, ())
        for label in others
        for other in numbers.get(label, ())
    ]


def _groups(asking: Asking) -> Any:
    """Return the group number of every label: labels with one key of the answer share a group.

    So do labels of which one makes the other doubtful: if both were asked together, a row that
    lacks one would reveal that the other is positive.
    """
    keys = asking.answer_keys()
    number = {key: n for n, key in enumerate(dict.fromkeys(keys))}
    group = [number[key] for key in keys]
    doubtful = asking.way in WITHOUT_DOUBTFUL
    for one, other in implied(asking.dataset, asking.task, asking.labels) if doubtful else ():
        old, new = group[other], group[one]
        group = [new if current == old else current for current in group]
    return np.unique(group, return_inverse=True)[1]
