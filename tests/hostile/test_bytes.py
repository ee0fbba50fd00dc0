"""Every reader on files whose bytes went wrong: the same records, a clear error, or a counted loss.

The samples are small, so a case takes milliseconds; `make soak` takes every file of every dataset
where the suite takes one of each kind per reader.
"""

import os
import shutil
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from pipeline import catalog
from pipeline.catalog import raw_files
from pipeline.errors import PipelineError
from tests import promises
from tests.conftest import ROOT
from tests.helpers import each
from tests.inputs import HARMLESS, WRONG

SAMPLE = ROOT / "raw" / "sample"
#: Readers whose offsets count in a text beside its annotations, where these are characters as well:
#: what no longer stands at its offsets is counted as lost.
MOVED = {"crlf": {"ace_apf", "brat"}, "bom": {"ace_apf", "brat"}}


@cache
def cases():
    """(reader, dataset, file): one file of each suffix, of the first dataset of every reader."""
    found = {}
    for name in catalog.ids():
        reader = catalog.load(name).reader["name"]
        if reader not in {r for r, _, _ in found}:
            found |= {(reader, name, f.suffix): f for f in sources(name)}
    return [(reader, name, file) for (reader, name, _), file in found.items()]


def sources(name):
    """The raw files of a sample edition, relative to its folder."""
    files = sorted(f for f in (SAMPLE / name).rglob("*") if f.is_file())
    return [f.relative_to(SAMPLE / name) for f in files if f.name != "manifest.toml"]


def everything():
    return [
        (catalog.load(name).reader["name"], name, file)
        for name in catalog.ids()
        for file in sources(name)
    ]


def read(name, raw, file):
    """All records and rejects of the splits that a file belongs to, or of all if it is beside them.

    Declared hashes and counts do not matter.
    """
    dataset = catalog.load(name)
    folder, manifest = raw_files.edition(dataset, raw)
    places = {file.as_posix(), *(parent.as_posix() for parent in file.parents)}
    splits = manifest.splits.values()
    own = [split for split in splits if places & {listed.path for listed in split.files}]
    records, rejects = [], []
    for split in own or splits:
        split.counts.clear()
        for listed in split.files:
            listed.sha256 = None
        reading = promises.read(dataset, raw_files.verified(folder, split), split)
        if reading.unknown:
            raise reading.unknown
        records += reading.records
        rejects += reading.rejects
    return records, rejects


@cache
def untouched(name, file):
    return read(name, SAMPLE, file)


@pytest.fixture(scope="module")
def work():
    """A folder, in memory where the system has one: thousands of small files are written."""
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="iepile-bytes-", dir=place) as folder:
        yield Path(folder)


def changed(case, change, work):
    """What becomes of an edition of which one file is changed: (records, rejects)."""
    _, name, file = case
    raw = work / "raw"
    if not (raw / name).exists():
        shutil.copytree(SAMPLE / name, raw / name)
    content = (SAMPLE / name / file).read_bytes()
    try:
        (raw / name / file).write_bytes(change(content))
        return read(name, raw, file)
    finally:
        (raw / name / file).write_bytes(content)


def harmless(case, mutation, work, _):
    reader, name, file = case
    before, lost_before = untouched(name, file)
    after, lost_after = changed(case, HARMLESS[mutation], work)
    if reader not in MOVED.get(mutation, ()):
        assert after == before
        assert len(lost_after) == len(lost_before)


def wrong(case, mutation, work, found):
    """Nothing else than the errors of the project, and those complete; `read` checks the sums."""
    try:
        records, rejects = changed(case, WRONG[mutation], work)
    except PipelineError as problem:
        promises.explained(problem)
        assert problem.where
        assert problem.todo
        return
    found.append((mutation, records, rejects))
    before, _ = untouched(case[1], case[2])
    if mutation.endswith(" inside"):
        # A slip in one line costs one record, or a document where that is one record.
        gone = Counter(r.text for r in before) - Counter(r.text for r in records)
        assert gone.total() <= max(1, len(before) - len(records), len(rejects))


def each_stored(case, work, mutations, check):
    """Check every mutation; what comes of all of them can be stored in one table."""
    found = []
    each(((case, mutation, work, found) for mutation in mutations), check)
    records, rejects = ([x for item in found for x in item[n]] for n in (1, 2))
    promises.stored(catalog.load(case[1]), records, rejects, case)


def name_of(case):
    return f"{case[0]}{case[2].suffix}"


@pytest.mark.parametrize("case", cases(), ids=name_of)
def test_line_ends_and_byte_order_marks_change_nothing(case, work):
    each_stored(case, work, HARMLESS, harmless)


@pytest.mark.parametrize("case", cases(), ids=name_of)
def test_wrong_bytes_are_told_or_counted(case, work):
    each_stored(case, work, WRONG, wrong)


@pytest.mark.soak
@pytest.mark.parametrize("name", catalog.ids())
def test_wrong_bytes_of_every_file(name, work):
    for case in (case for case in everything() if case[1] == name):
        each_stored(case, work, HARMLESS, harmless)
        each_stored(case, work, WRONG, wrong)
