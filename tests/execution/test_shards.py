"""Shards: the same bytes for the same table, and nothing read that was not written."""

import hashlib
import io
import resource
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import catalog, config, text
from pipeline.catalog import raw_files
from pipeline.errors import RawFileError, WorkError
from pipeline.execution import shards
from pipeline.readers import _source
from pipeline.scoring import predictions

FILES = catalog.Split([catalog.File("a.txt", hashlib.sha256(b"a").hexdigest())])
TABLE = pa.table(
    {
        "id": [f"toy/train/{n}" for n in range(500)],
        "text": [f"Der {n}. Hafen liegt im Nebel, 港口在雾中." * (n % 7) for n in range(500)],
        "split": ["train"] * 500,
        "labels": [["person", "place"][: n % 3] for n in range(500)],
    }
)


def test_a_flipped_bit_among_the_values_is_told(tmp_path):
    path = tmp_path / "train-00000.parquet"
    shards.write(TABLE, path)
    whole = path.read_bytes()
    columns = [pq.read_metadata(path).row_group(0).column(n) for n in range(4)]
    starts = [c.dictionary_page_offset or c.data_page_offset for c in columns]
    ends = [at + c.total_compressed_size for at, c in zip(starts, columns, strict=True)]
    assert shards.read(path).equals(TABLE)

    # The last bytes of a column are values; a page begins with a header, which has no checksum.
    for end in ends:
        for place in (end - 1, end - 2, end - 3):
            spoilt = bytearray(whole)
            spoilt[place] ^= 4
            path.write_bytes(spoilt)
            with pytest.raises(RawFileError, match="cannot read this shard"):
                shards.read(path)


@contextmanager
def no_more_files():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def stop_words(path):
    return text.stop_words.__wrapped__(path.parent, path.stem)


@pytest.mark.parametrize(
    ("read", "name"),
    [
        (shards.read, "a.parquet"),
        (shards.read_json, "a.json"),
        (predictions.read, "p.parquet"),
        (lambda path: [*_source.lines(path)], "a.txt"),
        (_source.read_bytes, "a.txt"),
        (lambda path: config.read_toml(path, dict), "a.toml"),
        (lambda path: [*raw_files.verified(path.parent, FILES)], "a.txt"),
        (stop_words, "en.txt"),
    ],
)
def test_what_the_machine_lacks_is_not_told_as_a_fault_of_the_file(read, name, tmp_path):
    path = tmp_path / name
    for file in ("a.txt", "en.txt", "a.toml"):
        (tmp_path / file).write_text("", encoding="utf-8")
    (tmp_path / "a.txt").write_text("a", encoding="utf-8")
    (tmp_path / "a.json").write_text("{}", encoding="utf-8")
    shards.write(TABLE, tmp_path / "a.parquet")
    answers = pa.table({"id": ["a"], "prediction": ["b"]})
    pq.write_table(answers, tmp_path / "p.parquet")
    read(path)

    with no_more_files(), pytest.raises(WorkError, match="too many files are open") as caught:
        read(path)

    assert caught.value.where in (path, str(path))
    assert "ulimit -n" in caught.value.todo
    assert "delete" not in caught.value.todo


def test_memory_that_runs_out_is_no_fault_of_the_shard(tmp_path, monkeypatch):
    shards.write(TABLE, tmp_path / "a.parquet")

    def fail(*_, **__):
        raise pa.ArrowMemoryError("malloc of size 64 failed")

    monkeypatch.setattr(pq, "ParquetFile", fail)
    with pytest.raises(WorkError, match="not enough memory") as caught:
        shards.read(tmp_path / "a.parquet")

    assert caught.value.where == tmp_path / "a.parquet"
    assert "delete" not in caught.value.todo


def test_only_recurring_values_have_a_dictionary(tmp_path):
    path = tmp_path / "train-00000.parquet"
    shards.write(TABLE, path)
    group = pq.read_metadata(path).row_group(0)
    found = {c.path_in_schema: c.has_dictionary_page for c in map(group.column, range(4))}

    assert found == {"id": False, "text": False, "split": True, "labels.list.element": True}


def test_the_pieces_of_a_shard_make_the_same_bytes_as_the_whole(tmp_path):
    whole, pieces = tmp_path / "a.parquet", tmp_path / "b.parquet"
    shards.write(TABLE, whole)
    with shards.writer(pieces, TABLE.schema) as append:
        append(TABLE)

    assert pieces.read_bytes() == whole.read_bytes()


PIECES = [b"a", "é港".encode(), b"\xe6", b"\xff", b"\r", b"\n", b"\xc2\x85"]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES)))
def test_lines_are_parted_and_decoded_one_by_one(tmp_path_factory, pieces):
    raw = b"".join(pieces)
    path = tmp_path_factory.mktemp("lines") / "a.txt"
    path.write_bytes(raw)

    own = [line.removesuffix(b"\n").removesuffix(b"\r") for line in io.BytesIO(raw)]
    wanted = [(f"a.txt:{n}", _source.decode(line)) for n, line in enumerate(own, start=1)]
    assert [*_source.lines(path)] == wanted
