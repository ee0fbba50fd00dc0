"""An object store: from s3:// to s3:// with several processes, and what may go wrong there.

The store is a server of this machine, which clients find by the environment, as they find any.
"""

import os
import socket
import subprocess
import sys
from importlib.util import find_spec

import pyarrow as pa
import pytest

from pipeline import cli, config
from pipeline.commands import chain
from pipeline.commands.layout import Workspace
from pipeline.errors import RawFileError
from pipeline.execution import atomic, freshness, shards
from pipeline.tables import INSTRUCTIONS
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(
    not (find_spec("moto") and find_spec("s3fs")), reason="moto or s3fs is not installed"
)

SOME = ["wnut2017"]
SAMPLE = ROOT / "raw" / "sample"


@pytest.fixture(scope="module")
def server():
    """The environment that leads to a server with the buckets `raw` and `made`."""
    import s3fs
    from moto.server import ThreadedMotoServer

    store = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    store.start()
    host, port = store.get_host_and_port()
    variables = {
        "AWS_ENDPOINT_URL_S3": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        reach(patch, **variables)
        files = s3fs.S3FileSystem(use_listings_cache=False)
        for bucket in ("raw", "made"):
            files.mkdir(bucket)
        for name in SOME:
            for path in (SAMPLE / name).iterdir():
                files.put(str(path), f"raw/{name}/{path.name}")
        yield variables
    store.stop()
    s3fs.S3FileSystem.clear_instance_cache()


def reach(patch, **variables):
    """Set the environment of clients that are made from now on."""
    import s3fs

    for name in [*os.environ]:
        if name.startswith("AWS_"):
            patch.delenv(name)
    for name, value in {"AWS_EC2_METADATA_DISABLED": "true", **variables}.items():
        patch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()


def iepile(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def contents(folder):
    length = len(folder.parts)
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {"/".join(path.parts[length:]): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def made(server):  # noqa: ARG001 - a fixture cannot use another by a mark
    """What two processes make of the raw files in one bucket, in another."""
    given = (*SOME, "--raw", "s3://raw", "--out", "s3://made/run")
    done = iepile("run", *given, "--workers", 2)
    assert done.returncode == 0, done.stderr
    return atomic.place("s3://made/run")


def test_two_processes_from_bucket_to_bucket_give_the_local_bytes(made, tmp_path):
    settings = config.load(ROOT / "params.yaml")
    ws = Workspace(settings, SAMPLE, tmp_path / "out")
    chain.everything(SOME, ws)

    remote, local = contents(made), contents(tmp_path / "out")
    assert len(local) > 20
    del remote[".iepile"]  # the mark that a command leaves
    assert sorted(remote) == sorted(local)
    assert [name for name in local if remote[name] != local[name]] == []


def test_load_dataset_opens_the_corpus_where_it_lies(made, tmp_path):
    from datasets import load_dataset

    files = "s3://made/run/corpus/NER-en/{}-*.parquet"
    rows = load_dataset(
        "parquet",
        data_files={split: files.format(split) for split in ("train", "test")},
        cache_dir=str(tmp_path),
    )
    assert rows["train"].column_names == INSTRUCTIONS.names
    own = [shards.rows(p) for p in shards.listed(made / "corpus" / "NER-en", "train-*.parquet")]
    assert rows["train"].num_rows == sum(own) > 0


@pytest.mark.usefixtures("server")
def test_a_folder_that_was_copied_half_way_is_stale_and_made_again(monkeypatch):
    """Without renaming, files are copied one by one: a folder may lack some of its shards."""
    import s3fs

    stage = atomic.place("s3://made/half")
    place = freshness.Place(stage / "wnut2017", stage / "stamps" / "x" / "wnut2017.json")
    table = pa.table({"n": [1, 2, 3]})

    def written(count):
        made_from = {"parameters": {"count": count}}
        freshness.begin(place, made_from)
        with freshness.building(place.folder) as folder:
            for number in range(count):
                shards.write(table, folder / f"train-{number:05d}.parquet")
        freshness.finish(place, made_from)

    written(3)
    assert freshness.why_stale(place, {"parameters": {"count": 3}}) == ""
    copy = s3fs.S3FileSystem._cp_file

    async def lost(self, source, target, **options):
        if source.endswith(("1.parquet", "3.parquet")):
            raise OSError("the connection is lost")
        await copy(self, source, target, **options)

    with monkeypatch.context() as patch:
        patch.setattr(s3fs.S3FileSystem, "_cp_file", lost)
        with pytest.raises(OSError, match="connection is lost"):
            written(4)
    assert len(shards.listed(stage / "wnut2017")) == 2
    assert "wrote other files" in freshness.why_stale(place, {"parameters": {"count": 3}})

    written(4)

    assert freshness.why_stale(place, {"parameters": {"count": 4}}) == ""
    names = [f"wnut2017/train-{n:05d}.parquet" for n in range(4)]
    assert sorted(contents(stage)) == ["stamps/x/wnut2017.json", *names]


@pytest.mark.usefixtures("server")
def test_a_failure_leaves_no_half_shard():
    folder = atomic.place("s3://made/failed")

    def half():
        with shards.writer(folder / "a.parquet", pa.schema([("n", pa.int64())])) as write:
            write(pa.table({"n": range(1000)}))
            raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        half()

    assert contents(folder) == {}


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("option", ["--raw", "--out"])
def test_a_bucket_that_is_not_there_is_one_line_and_is_not_made(option, capsys, in_project):  # noqa: ARG001
    import s3fs

    given = {"--raw": "s3://raw", "--out": "s3://made/none", option: "s3://misspelt/run"}

    assert cli.main(["normalize", *SOME, *(word for pair in given.items() for word in pair)]) == 1

    told = capsys.readouterr().err
    assert told.startswith("error: cannot use this URL: Not Found\n  where: s3://misspelt/")
    assert len(told.splitlines()) == 3
    assert not s3fs.S3FileSystem().exists("misspelt")


def test_no_credentials_are_said(server, monkeypatch):
    reach(monkeypatch, AWS_ENDPOINT_URL_S3=server["AWS_ENDPOINT_URL_S3"], AWS_CONFIG_FILE="none")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "none")

    with pytest.raises(RawFileError, match="Unable to locate credentials"):
        atomic.place("s3://made/run")


def test_an_endpoint_that_does_not_answer_is_given_up(server, monkeypatch):
    monkeypatch.setattr(atomic, "_TIMEOUT", 1)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        endpoint = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        reach(monkeypatch, **{**server, "AWS_ENDPOINT_URL_S3": endpoint})
        with pytest.raises(RawFileError, match="no answer within 1 seconds"):
            atomic.place("s3://made/run")
