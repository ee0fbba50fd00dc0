"""Arrays of JSON are read in blocks: the same values at any size of them, in little memory."""

import json
import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.errors import RawFileError
from pipeline.readers import _source
from tests.conftest import ROOT

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 10**9) | st.floats(-9, 9) | st.text('a"\\[]{},é😀'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=8,
)
BIG = 100_000_000
#: Prints how many rows a file has, and the most memory it took to read it, in MB.
READ = """
import sys
from pathlib import Path
from pipeline.readers._source import json_rows
rows = sum(1 for _ in json_rows(Path(sys.argv[1])))
# Not what getrusage tells: that begins with the peak of the process that started this one.
status = Path("/proc/self/status").read_text().splitlines()
print(rows, *(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM")))
"""


def read(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "array.json"
    path.write_bytes(content)
    return [*_source.json_rows(path)]


@pytest.mark.parametrize("block", [1, 2, 7, 1 << 20])
@example(rows=[None, 0.5, -1e30], indent=None, bom=False)
@given(rows=st.lists(VALUES, max_size=4), indent=st.sampled_from([None, 1]), bom=st.booleans())
def test_values_are_those_of_the_whole_document(tmp_path_factory, block, rows, indent, bom):
    content = json.dumps(rows, indent=indent, ensure_ascii=False).encode()
    path = tmp_path_factory.getbasetemp() / "array.json"
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + content)

    with pytest.MonkeyPatch.context() as patch, path.open("rb") as stream:
        patch.setattr(_source, "_BLOCK", block)
        patch.setattr(_source, "HEAD", 8)
        assert [*_source._elements(stream)] == rows


@pytest.mark.parametrize(
    "content",
    [b"[1, 2", b"[1, 2,]", b"[1 2]", b"[1, 2]]", b"[,]", b"[1, NaN]", b'[1, {"a": 1, "a": 2}]',
     b"[", b"[1, \xff]", b'[1, "a]'],
)  # fmt: skip
def test_a_broken_array_is_told(tmp_path_factory, content):
    with pytest.raises(RawFileError, match="not a JSON document"):
        read(tmp_path_factory, content)


def test_a_value_longer_than_a_block_is_read(tmp_path_factory):
    rows = ["a" * 3_000_000, "b", "c" * 5_000_000]

    found = read(tmp_path_factory, json.dumps(rows).encode())

    assert found == [(f"array.json:{n}", row) for n, row in enumerate(rows, start=1)]


def test_an_array_of_100_mb_needs_no_500_mb(tmp_path):
    row = json.dumps({"text": "Ada Falk left Oslo. " * 50, "entities": [{"start": 0, "end": 8}]})
    rows = BIG // len(row)
    path = tmp_path / "big.json"
    with path.open("w") as stream:
        stream.write("[" + ",".join([row] * 1000))
        for _ in range(rows // 1000):
            stream.write("," + ",".join([row] * 1000))
        stream.write("]")

    command = [sys.executable, "-c", READ, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    count, most = map(int, done.stdout.split())
    assert path.stat().st_size > BIG
    assert count == (rows // 1000 + 1) * 1000
    assert most < 250
