"""Every reader on files whose bytes went wrong: the same records, a clear error, or a counted loss.

The samples are small, so a case takes milliseconds; `make soak` takes every file of every dataset
where the suite takes one of each kind per reader.
"""

import gzip
import os
import re
import shutil
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path

import msgspec
import pytest

from pipeline import catalog
from pipeline.catalog import raw_files
from pipeline.config import Normalize
from pipeline.dedupe import tags as kept
from pipeline.errors import PipelineError
from pipeline.execution import shards
from pipeline.records import violation
from pipeline.tables import from_table
from tests.conftest import ROOT
from tests.helpers import each, normalize_one

SAMPLE = ROOT / "raw" / "sample"
BOM = b"\xef\xbb\xbf"
NUMBER = re.compile(rb"(?<![\w.-])\d+(?![\w.])")


def middle(content):
    """A place in the line after the middle one, not at its beginning."""
    place = content.find(b"\n", len(content) // 2) + 1
    return min(place + 9, len(content) - 1) if place else len(content) // 2


def put(piece):
    return lambda b: b[: middle(b)] + piece + b[middle(b) :]


def encoded(name):
    return lambda b: b.decode("utf-8", "replace").encode(name, "replace")


def numbers(by):
    return lambda b: NUMBER.sub(by, b)


#: What loses nothing: line ends and a byte order mark say nothing about the data.
HARMLESS = {
    "crlf": lambda b: b.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
    "bom": lambda b: BOM + b.removeprefix(BOM),
    "blank lines at the end": lambda b: b.rstrip(b"\n") + b"\n\n\n",
    "no line end at the end": lambda b: b.rstrip(b"\r\n"),
}
#: Readers whose offsets count in a text beside its annotations, where these are characters as well:
#: what no longer stands at its offsets is counted as lost.
MOVED = {"crlf": {"ace_apf", "brat"}, "bom": {"ace_apf", "brat"}}
#: What no reader can read as if nothing were wrong.
WRONG = {
    "half": lambda b: b[: len(b) // 2],
    "one byte less": lambda b: b.rstrip()[:-1],
    "one byte": lambda b: b[:1],
    "white space": lambda _: b" \n\t\n\n",
    "NUL bytes alone": lambda _: b"\0" * 1000,
    "GBK": encoded("gbk"),
    "UTF-16": encoded("utf-16"),
    "UTF-16 big end first": encoded("utf-16-be"),
    "UTF-32": encoded("utf-32"),
    "Latin-1": encoded("latin-1"),
    "CR": lambda b: b.replace(b"\r\n", b"\n").replace(b"\n", b"\r"),
    "two BOMs": lambda b: BOM + BOM + b,
    "BOM inside": put(BOM),
    "NUL inside": put(b"\0"),
    "no UTF-8 inside": put(b"\xff"),
    "overlong UTF-8 inside": put(b"\xc0\xaf"),
    "surrogate bytes inside": put(b"\xed\xa0\x80"),
    "half a surrogate escape": put(b"\\ud83d"),
    "line separator inside": put("\u2028".encode()),
    "vertical tab inside": put(b"\x0b"),
    "terminal signals inside": put(b"\x1b[2J"),
    "quote inside": put(b'"'),
    "the file twice": lambda b: b + b,
    "lines upside down": lambda b: b"\n".join(b.split(b"\n")[::-1]),
    "gzip": lambda b: gzip.compress(b, mtime=0),
    "zip": lambda b: b"PK\x03\x04" + b,
    "Parquet": lambda b: b"PAR1" + b + b"PAR1",
    "a web page": lambda _: b"<!DOCTYPE html><html><body>404 not found</body></html>\n",
    "a Git LFS pointer": lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "100,000 brackets": lambda _: b"[" * 100_000,
    "100,000 objects": lambda _: b'{"a":' * 100_000,
    "100,000 levels": lambda _: b"[" * 100_000 + b"]" * 100_000,
    "100,000 tags": lambda _: b"<a>" * 100_000 + b"</a>" * 100_000,
    "a billion laughs": lambda _: (
        b'<!DOCTYPE a [<!ENTITY x0 "ha">'
        + b"".join(b'<!ENTITY x%d "%s">' % (n, b"&x%d;" % (n - 1) * 10) for n in range(1, 12))
        + b"]><a>&x11;</a>"
    ),
    "an entity of the system": lambda b: (
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>' + b
    ),
    "numbers huge": numbers(b"9" * 30),
    "numbers endless": numbers(b"9" * 5000),
    "numbers beyond 32 bits": numbers(b"4294967296"),
    "numbers negative": numbers(b"-1"),
    "numbers floats": numbers(rb"\g<0>.0"),
    "numbers NaN": numbers(b"NaN"),
    "numbers infinite": numbers(b"1e999"),
    "numbers true": numbers(b"true"),
    "numbers strings": numbers(rb'"\g<0>"'),
    "numbers null": numbers(b"null"),
    "numbers Arabic": lambda b: b.replace(b"1", "١".encode()),
    "tabs to blanks": lambda b: b.replace(b"\t", b" "),
    "blanks to tabs": lambda b: b.replace(b" ", b"\t"),
    "blanks to U+2028": lambda b: b.replace(b" ", "\u2028".encode()),
    "letters upper": bytes.upper,
    "quotes single": lambda b: b.replace(b'"', b"'"),
    "quotes gone": lambda b: b.replace(b'"', b""),
    "marks that combine": lambda b: b.replace(b"e", "e\u0301".encode()),
    "letters astral": lambda b: b.replace(b"a", "\U0001f600".encode()),
}


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


def read(name, raw, out, file):
    """The summary of normalize without declared counts and hashes, and all rows it wrote.

    Only the splits that a file belongs to are read, or all where it lies beside what they name.
    """
    dataset = catalog.load(name)
    folder, manifest = raw_files.edition(dataset, raw)
    places = {file.as_posix(), *(parent.as_posix() for parent in file.parents)}
    splits = {
        split: declared
        for split, declared in manifest.splits.items()
        if places & {listed.path for listed in declared.files}
    }
    manifest = msgspec.structs.replace(manifest, splits=splits or manifest.splits)
    for split in manifest.splits.values():
        split.counts.clear()
        for listed in split.files:
            listed.sha256 = None
    summary = normalize_one(dataset, folder, manifest, Normalize(max_reject_rate=1), out)
    tables = [shards.read(path) for _, path in kept.record_shards(out)]
    for table in tables:
        assert [*filter(None, map(violation, from_table(table)))] == []
    for own in summary["splits"].values():
        assert own["rows"] == own["records"] + own["merged_rows"] + own["rejected"]
    rejects = shards.read(out / "rejects.parquet").to_pylist()
    assert sum(row["records"] for row in rejects) == sum(
        own["rejected"] for own in summary["splits"].values()
    )
    return summary, [row for table in tables for row in table.to_pylist()], rejects


@cache
def untouched(name, file, work):
    return read(name, SAMPLE, Path(work) / "untouched" / file.name / name, file)


@pytest.fixture(scope="module")
def work():
    """A folder, in memory where the system has one: thousands of small files are written."""
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="iepile-bytes-", dir=place) as folder:
        yield Path(folder)


def changed(case, change, work):
    """What becomes of an edition of which one file is changed: (summary, rows, rejects)."""
    _, name, file = case
    raw = work / "raw"
    if not (raw / name).exists():
        shutil.copytree(SAMPLE / name, raw / name)
    content = (SAMPLE / name / file).read_bytes()
    try:
        (raw / name / file).write_bytes(change(content))
        return read(name, raw, work / "out", file)
    finally:
        (raw / name / file).write_bytes(content)


def harmless(case, mutation, work):
    reader, name, file = case
    _, before, lost_before = untouched(name, file, work)
    _, after, lost_after = changed(case, HARMLESS[mutation], work)
    if reader not in MOVED.get(mutation, ()):
        assert after == before
        assert len(lost_after) == len(lost_before)


def wrong(case, mutation, work):
    """Nothing else than the errors of the project, and those complete; `read` checks the sums."""
    try:
        _, rows, rejects = changed(case, WRONG[mutation], work)
    except PipelineError as problem:
        assert problem.what
        assert problem.where
        assert problem.todo
        assert "Traceback" not in str(problem)
        return
    _, before, _ = untouched(case[1], case[2], work)
    if mutation.endswith(" inside"):
        # A slip in one line costs one record, or a document where that is one record.
        gone = Counter(r["text"] for r in before) - Counter(r["text"] for r in rows)
        assert sum(gone.values()) <= max(1, len(before) - len(rows), len(rejects))


def name_of(case):
    return f"{case[0]}{case[2].suffix}"


@pytest.mark.parametrize("case", cases(), ids=name_of)
def test_line_ends_and_byte_order_marks_change_nothing(case, work):
    each(((case, mutation, work) for mutation in HARMLESS), harmless)


@pytest.mark.parametrize("case", cases(), ids=name_of)
def test_wrong_bytes_are_told_or_counted(case, work):
    each(((case, mutation, work) for mutation in WRONG), wrong)


@pytest.mark.soak
@pytest.mark.parametrize("name", catalog.ids())
def test_wrong_bytes_of_every_file(name, work):
    own = [case for case in everything() if case[1] == name]
    each(((case, mutation, work) for case in own for mutation in HARMLESS), harmless)
    each(((case, mutation, work) for case in own for mutation in WRONG), wrong)
