"""What a label means in its dataset: the annotations that carry it, sampled by hash.

`negatives` compares labels by their names and by this evidence. Of every label the `cap`
annotations with the lowest hash priority are kept, over all shards, so the sample is the same for
any order and number of shards, and memory is bounded by labels x cap, never by the records.

Inventories of at most `EXACT` labels are compared pair by pair. That takes memory with the square
of the labels, and time with its cube, so larger ones are compared with a sample of `EXACT` labels,
keep `links_kept` candidates per label, and read `_MOST` annotations in all. What is the same for
every pair (means and deviations) then comes from the sample.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from pipeline import tasks
from pipeline.dedupe import tags
from pipeline.execution import shards
from pipeline.hashing import hashes, mix64
from pipeline.records import SPLITS
from pipeline.tables import flat
from pipeline.text import like

if TYPE_CHECKING:
    from pipeline.catalog import Dataset

#: Up to so many labels all pairs are compared: matrices of 8 MB, each a second or less to make.
EXACT: Final = 1024
#: Annotations read of a larger inventory, all labels together.
_MOST: Final = 2**16
#: Characters of context kept on each side of an annotation.
WINDOW: Final = {"en": 60, "zh": 24}
_ENDS: Final = ("head", "tail")
_COLUMNS: Final = ("id", "text", "mentions", "relations", "events", "dropped")


class Example(NamedTuple):
    """One annotation of a label: its strings, the text around them, and what it consists of."""

    record: str
    #: The mention; or head and tail; or the trigger and the arguments.
    mentions: tuple[str, ...]
    #: Left of the annotation, inside it, right of it.
    context: tuple[str, str, str]
    #: Structure: types of head and tail, roles that are filled, attributes.
    facts: tuple[str, ...]


#: (negative priority, record, place, example): the root of the heap is the first to give way.
_Heap = list[tuple[int, str, int, Example]]


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that is known of the labels of one dataset and task; lists run along `labels`."""

    dataset: Dataset
    task: str
    labels: list[str]
    #: The split that was read; None where no record has any of the labels.
    split: str | None
    examples: list[list[Example]]

    def texts(self) -> Iterator[str]:
        """Every string of the labels and their examples, for an encoder to be trained on."""
        yield from self.labels
        for example in (e for examples in self.examples for e in examples):
            yield from (*example.mentions, *example.context, *example.facts)


def links_kept(labels: int) -> int:
    """How many others are considered for each label: all, or some logarithms of their number."""
    return labels if labels <= EXACT else 2 * labels.bit_length()


def gather(
    dataset: Dataset, names: Sequence[str], clean: Path, dedupe: Path | None, cap: int
) -> list[Evidence]:
    """The evidence of every task named, from the first of train, dev, test that has any."""
    gathered: dict[str, Evidence] = {}
    labels = {task: tasks.inventory(dataset, task) for task in names}
    for split in SPLITS:
        best: dict[str, list[_Heap]] = {
            t: [[] for _ in labels[t]] for t in names if t not in gathered
        }
        if not best:
            break
        for _, shard in shards.record_shards(clean, [split]):
            table = tags.kept(shard, dedupe, _COLUMNS)
            for task, heaps in best.items():
                size = len(heaps)
                most = cap if size <= EXACT else max(1, min(cap, _MOST // size))
                _collect(table, dataset, task, labels[task], most, heaps)
        for task, heaps in best.items():
            if any(heaps):
                examples = [[entry[3] for entry in sorted(heap, reverse=True)] for heap in heaps]
                gathered[task] = Evidence(dataset, task, labels[task], split, examples)
    return [
        gathered.get(t) or Evidence(dataset, t, labels[t], None, [[] for _ in labels[t]])
        for t in names
    ]


def _collect(
    table: Any,
    dataset: Dataset,
    task: str,
    labels: list[str],
    cap: int,
    best: list[_Heap],
) -> None:
    """Put the annotations of a table into the heaps `best`, one per label."""
    _, row, begins = flat(table, tasks.COLUMNS[task])
    if len(row) == 0:
        return
    place = np.arange(len(row)) - begins[row]
    code = tasks.coded(dataset, task, table)
    ids = table["id"].to_pylist()
    key = mix64(hashes(ids)[row] ^ mix64(place.astype(np.uint64) + np.uint64(1)))
    order = np.lexsort((key, code))
    order = order[code[order] >= 0]
    starts = np.searchsorted(code[order], np.arange(len(labels) + 1))
    chosen = np.concatenate([order[a : min(b, a + cap)] for a, b in pairwise(starts.tolist())])
    rows, back = np.unique(row[chosen], return_inverse=True)
    records = table.take(pa.array(rows)).to_pylist()
    window = WINDOW[like(dataset.language)]
    for at, record in zip(chosen.tolist(), back.tolist(), strict=True):
        heap, priority = best[code[at]], -int(key[at])
        if len(heap) == cap and priority <= heap[0][0]:
            continue
        example = _example(task, records[record], int(place[at]), window)
        entry = (priority, ids[row[at]], int(place[at]), example)
        (heapq.heappush if len(heap) < cap else heapq.heapreplace)(heap, entry)


def _span(record: dict[str, Any], mention: dict[str, Any]) -> tuple[int, int] | None:
    start = mention["start"]
    if start is None:
        start = record["text"].find(mention["text"])
    return (start, start + len(mention["text"])) if start >= 0 else None


def _around(
    record: dict[str, Any], spans: Sequence[tuple[int, int] | None], window: int
) -> tuple[str, str, str]:
    """The text left of, between and right of one or two spans, which are left out themselves."""
    text = record["text"]
    known = sorted(span for span in spans if span)
    if not known:
        return "", text[: 2 * window], ""
    left, right = known[0][0], known[-1][1]
    between = " ".join(text[end:start] for (_, end), (start, _) in pairwise(known))
    return text[max(0, left - window) : left], between[: 4 * window], text[right : right + window]


def _example(task: str, record: dict[str, Any], place: int, window: int) -> Example:
    """The annotation of a task at a place in its column of a record."""
    mentions = record["mentions"]
    annotation = record[tasks.COLUMNS[task]][place]
    facts: list[str] = []
    if task == "NER":
        parts = anchors = [annotation]
    elif task == "EE":
        trigger = [] if annotation["trigger"] is None else [mentions[annotation["trigger"]]]
        arguments = [mentions[a["mention"]] for a in annotation["arguments"]]
        parts, anchors = trigger + arguments, trigger or arguments[:1]
        facts += [f"role:{a['role']}" for a in annotation["arguments"]]
    else:
        parts = anchors = [mentions[annotation[end]] for end in _ENDS]
    spans = [_span(record, mention) for mention in anchors]
    if task == "KG":
        facts.append(f"attribute:{annotation['label']}")
    elif task in ("RE", "SPO"):
        facts += [f"{end}:{m['label']}" for end, m in zip(_ENDS, parts, strict=True) if m["label"]]
        if spans[0] and spans[1]:
            facts.append("head first" if spans[0] < spans[1] else "tail first")
    texts = tuple(mention["text"] for mention in parts)
    return Example(record["id"], texts, _around(record, spans, window), tuple(facts))
