"""What is a fair answer to any input, whoever asks: an error in words, or an account of all of it.

An error is a `PipelineError` that says what, and where or what to do; a command ends with 1 and
prints the three. Nothing is left behind. What a reader gives is sound, and what went in is what
came out and what was rejected.
"""

import re
from collections import Counter
from contextlib import contextmanager
from typing import NamedTuple

import pyarrow as pa
import pytest

from pipeline import catalog
from pipeline.catalog.raw_files import documents_of
from pipeline.errors import PipelineError
from pipeline.normalize.account import KINDS, Tally, unknown_labels, writable
from pipeline.normalize.detokenize import detokenized
from pipeline.normalize.rewriting import repaired
from pipeline.records import Record, Reject, merge
from pipeline.tables import REJECTS, to_table
from tests.invariants.demands import demand
from tests.invariants.records import sound

NO_DOCUMENTS = catalog.Split([])
#: No message is longer, whatever it quotes.
_MOST = 5000
#: What stands below an error on the command line, of one file of many too; and an error of it all.
WHERE = re.compile(r"\S\n  where: \S[^\n]*\n  to do: \S[^\n]*\n")
TOLD = re.compile(rf"error: (?s:.*?){WHERE.pattern}")


def explained(problem, words="", where=None):
    """An error has words of ours: what, and where or what to do; and these are among them."""
    text = str(problem)
    demand(isinstance(problem, PipelineError), f"a {type(problem).__name__}: {text:.200}", "errors")
    demand(problem.what.strip(), "an error without words", text)
    demand(problem.where or problem.todo, "an error without where and to do", text)
    demand("Traceback" not in text and len(text) <= _MOST, "a message for nobody", text[:_MOST])
    assert words in text
    assert where is None or problem.where == where


@contextmanager
def refused(words="", kind=PipelineError, where=None):
    """What stands in the block is refused in these words, with where and what to do."""
    with pytest.raises(kind) as caught:
        yield
    explained(caught.value, words, where)
    assert caught.value.where
    assert caught.value.todo


def told(code, err, words=""):
    """A command was refused: exit code 1, and an error with what, where and what to do."""
    assert code == 1, err
    assert "Traceback" not in err, err
    assert "failed twice" not in err, err
    assert TOLD.search(err), err
    assert words in err, err


def state(folder):
    """What would be another if a file were made, changed or removed: cheaper than the bytes."""
    return {
        path: (found.st_ino, found.st_size, found.st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if not (found := path.lstat()).st_mode & 0o040000
    }


@contextmanager
def untouched(*folders):
    """No file in these folders is made, changed or removed."""
    before = [state(folder) for folder in folders]
    yield
    for folder, files in zip(folders, before, strict=True):
        now = state(folder)
        changed = [path for path in {**files, **now} if files.get(path) != now.get(path)]
        assert changed == []


class Reading(NamedTuple):
    """What a reader gives of some files, as normalize takes it."""

    records: list
    rejects: list
    #: The error that names labels which are not declared, if there are any.
    unknown: PipelineError | None
    pieces: list


def _rewritten(records, dataset):
    """What normalize makes of records by default, as they are read or anew."""
    if dataset.repairs:
        records = [repaired(record, dataset.repairs, Counter()) for record in records]
    if dataset.tokenized:
        records = [detokenized(record, dataset.tokenized) for record in records]
    if dataset.one_annotation_per_row:
        by_text = {}
        for record in records:
            by_text.setdefault(record.text, []).append(record)
        records = [*map(merge, by_text.values())]
    return records


def read(dataset, paths, split=NO_DOCUMENTS):
    """Read a split as normalize does, and account for every piece of it. Raises what it raises."""
    unknown, pieces = Counter(), []
    tally = Tally(dataset, unknown)

    def watched(items):
        for item in items:
            demand(isinstance(item, Record | Reject), f"a reader yields {item!r:.80}", paths)
            pieces.append(item)
            yield item

    rows = [*tally.read(watched(documents_of(catalog.reader(dataset)(paths), split)))]
    records = [record for _, record in rows]
    demand(len({n for n, _ in rows}) == len(rows), "two records of one ordinal", paths)
    _accounted(tally, pieces, records, paths)
    problem = unknown_labels(dataset, unknown) if unknown else None
    if problem:
        explained(problem)
    return Reading(records, tally.rejects, problem, pieces)


def stored(dataset, records, rejects, where):
    """Records and rejects can be stored, and the records are sound, as one table of them all.

    So are the records that normalize makes of them.
    """
    split = {"dataset": dataset.id, "split": "train"}
    rewritten = _rewritten(records, dataset)
    for own in (records,) if rewritten is records else (records, rewritten):
        ids = [f"{dataset.id}/train/{n}" for n, _ in enumerate(own)]
        table = to_table(own, ids, **split, language=dataset.language)
        table.validate(full=True)
        sound(table, dataset, where)
        demand(table["text"].to_pylist() == [r.text for r in own], "texts change", where)
    rows = [{**split, **writable(reject)._asdict()} for reject in rejects]
    pa.Table.from_pylist(rows, schema=REJECTS).validate(full=True)


def _accounted(tally, pieces, records, where):
    """Records and annotations in = kept + rejected."""
    rejects, summary = tally.rejects, tally.summary()
    lost = sum(r.records for r in rejects)
    equal = tally.counts["records"] == summary["rows"] == len(records) + lost
    demand(equal, "records are lost", where)
    numbers = [getattr(r, kind) for r in rejects for kind in ("records", *KINDS)]
    demand(min(numbers, default=0) >= 0, "less than nothing is lost", where)
    demand(len(pieces) == len(records) + len(rejects), f"{len(pieces)} pieces", where)
    origins = [item.origin for item in (*records, *rejects)]
    demand(all(isinstance(o, str) and o for o in origins), "a piece without origin", where)
