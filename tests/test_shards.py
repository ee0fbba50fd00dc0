"""Shards: the same bytes for the same table, and nothing read that was not written."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import shards
from pipeline.errors import RawFileError

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
