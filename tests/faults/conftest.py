"""What the tests of faults start from: raw files, parameters old and new, and what both make."""

import shutil
from types import SimpleNamespace

import pytest
import tomlkit
import yaml

from pipeline import cli
from tests.conftest import ROOT

DATASETS = "wnut2017,nyt11-hrl"


def iepile(*arguments):
    return cli.main([str(argument) for argument in arguments])


def tree(folder):
    """Every file with its bytes, every folder, by relative path, hidden ones too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """`base` with raw/sample, old.yaml and new.yaml; `old` and `new`, the outputs of both."""
    folder = tmp_path_factory.mktemp("faults")
    base = folder / "base"
    for name in DATASETS.split(","):
        own = base / "raw" / "sample" / name
        shutil.copytree(ROOT / "raw" / "sample" / name, own)
        # Two splits show whatever three would.
        manifest = tomlkit.parse((own / "manifest.toml").read_text(encoding="utf-8"))
        for file in manifest["splits"].pop("dev")["files"]:
            (own / file["path"]).unlink()
        (own / "manifest.toml").write_text(tomlkit.dumps(manifest), encoding="utf-8")
    # Few parameters, since every command parses them.
    params = {"raw": "raw/sample", "datasets": DATASETS.split(",")}
    new = {"normalize": {"records_per_shard": 9}}
    old = {
        "normalize": {"records_per_shard": 14},
        "clean": {"long_text": 99},
        "dedupe": {"conflicts": {"train": "merge", "dev": "drop", "test": "drop"}},
        "negatives": {"top_k": 2},
        "instruct": {"seed": 7},
        "publish": {"rows_per_shard": 10},
    }
    (base / "new.yaml").write_text(yaml.safe_dump(params | new), encoding="utf-8")
    (base / "old.yaml").write_text(yaml.safe_dump(params | old), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(base)
        for edition in ("old", "new"):
            common = ["--params", f"{edition}.yaml", "--out", folder / edition, "--workers", 1]
            assert iepile("run", *DATASETS.split(","), *common) == 0
    return SimpleNamespace(folder=folder, base=base, old=folder / "old", new=folder / "new")


@pytest.fixture
def work(places, tmp_path, monkeypatch):
    """A folder of one's own with raw files and parameters, in which the test works."""
    shutil.copytree(places.base, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"
