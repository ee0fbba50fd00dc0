"""Raw files and results by fsspec URL: the same bytes as on the local disk."""

import pytest
from upath import UPath

from pipeline import config
from pipeline.commands import chain
from pipeline.commands.layout import Workspace
from pipeline.errors import RawFileError
from pipeline.execution import atomic, shards
from tests.conftest import ROOT

SOME = ["wnut2017", "scierc", "duie2", "phee", "crossner-ai"]


@pytest.fixture
def bucket():
    """An empty in-memory file system, as fsspec keeps one per process."""
    place = atomic.place("memory://iepile-test")
    atomic.remove(place)
    yield place
    atomic.remove(place)


def run_all(raw, out):
    settings = config.load(ROOT / "params.yaml")
    ws = Workspace(settings, raw, out)
    chain.everything(SOME, ws)


def contents(folder):
    length = len(folder.parts)
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {"/".join(path.parts[length:]): path.read_bytes() for path in files}


def test_everything_from_url_to_url_gives_the_local_bytes(bucket, tmp_path):
    for name in SOME:
        for path in (ROOT / "raw" / "sample" / name).rglob("*"):
            if path.is_file():
                target = bucket / "raw" / path.relative_to(ROOT / "raw" / "sample").as_posix()
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
    stray = bucket / "out" / "clean" / "wnut2017" / "train-00009.parquet"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"left over")

    run_all(bucket / "raw", bucket / "out")
    run_all(ROOT / "raw" / "sample", tmp_path / "out")

    remote, local = contents(bucket / "out"), contents(tmp_path / "out")
    assert len(local) > 60
    assert sorted(remote) == sorted(local)
    assert [name for name in local if remote[name] != local[name]] == []


def test_a_failure_leaves_the_old_folder_and_nothing_half_written(bucket):
    shards.write_text("old", bucket / "result" / "a.txt")

    def half():
        with atomic.replacing(bucket / "result") as folder:
            shards.write_text("half", folder / "b.txt")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()

    assert contents(bucket) == {"result/a.txt": b"old"}


def test_local_paths_stay_local_paths(tmp_path):
    assert atomic.place(str(tmp_path)) == tmp_path
    assert not isinstance(atomic.place(str(tmp_path)), UPath)


@pytest.mark.parametrize("url", ["nothing-such://bucket", "nosuch://bucket"])
def test_a_url_that_nothing_can_open_is_one_line(url):
    with pytest.raises(RawFileError, match="cannot use this URL") as caught:
        atomic.place(url)

    assert caught.value.where == url
