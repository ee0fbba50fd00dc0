"""A workspace of its own in which somebody spends a day, and its twin.

`World.here` is a copy of the project with a few datasets. `World.twin` has the inputs that `here`
had when all its stages last ran, and is rebuilt from nothing then: what the stages wrote in both
must be the same bytes. The model is what can be told of the outputs from the inputs alone.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import yaml

from pipeline import config
from pipeline.commands.layout import Workspace
from tests import invariants, promises
from tests.conftest import ROOT
from tests.day.nursery import Nursery

#: English and Chinese, NER, RE and events, held-out, one annotation per row: and quick to run.
LISTED = ["cluener", "conll04", "fewfc", "wnut2017", "semeval2010-task8"]
#: What the stages read, and what they write.
INPUTS = ("params.yaml", "pipeline/catalog", "raw", "dictionaries/overrides.toml")
OUTPUTS = ("normalize", "clean", "dedupe", "negatives", "instruct", "corpus", "reports", "stamps")


class World:
    def __init__(self, folder, seed, names):
        self.rng = random.Random(seed)
        self.folder = folder
        self.here, self.twin = folder / "here", folder / "twin"
        self.history: list[str] = []
        self.compared: Counter[str] = Counter()
        #: All stages ran, over the inputs of the twin; else some did, over others.
        self.whole = False
        #: What `dvc repro` saw, if that was the last to write anything.
        self.sources: dict[str, str] | None = None
        self.attic: dict[str, Path] = {}
        self.number = 0
        self.changes = 100
        _project(self.here, names)
        shutil.copytree(self.here, self.twin)
        self.nursery = Nursery(folder / "said")

    def close(self):
        self.nursery.close()

    # What the user types

    def iepile(self, *arguments, code=0, stop=None, folder=None, cwd="."):
        """Run a command; its exit code must be this one, and no traceback may be seen."""
        folder = folder or self.here
        if folder == self.here:
            self.history.append("iepile " + " ".join(map(str, arguments)))
        done = self.nursery.run(folder, arguments, stop, cwd)
        assert "Traceback" not in done.err, done.err
        if stop is None:
            assert done.code == code, f"exit code {done.code}\n{done.out}\n{done.err}"
            if code == 1 and arguments[0] not in {"check", "fetch"}:
                promises.told(code, done.err)
        return done

    def repro(self):
        """`dvc repro`; returns the stages that ran."""
        if not (self.here / ".dvc").exists():
            self.dvc("init", "--no-scm", "-q")
        lines = self.dvc("repro").splitlines()
        return {x.split("'")[1].rpartition(":")[2] for x in lines if x.startswith("Running stage")}

    def digests(self):
        """What every dataset is made from, and under "common" what all are."""
        found = {"common": inputs(self.here, ("params.yaml", "dictionaries/overrides.toml"))}
        for name in self.listed:
            own = (f"pipeline/catalog/{name}.toml", f"{self.params['raw']}/{name}")
            found[name] = inputs(self.here, own)
        return found

    def dvc(self, *arguments):
        self.history.append("dvc " + " ".join(arguments))
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        env = {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1", "PYTHONPATH": str(self.here)}
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *arguments],
            cwd=self.here,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    # What lies there

    @property
    def params(self):
        return yaml.safe_load((self.here / "params.yaml").read_text(encoding="utf-8"))

    @property
    def listed(self):
        return [*self.params["datasets"]]

    @property
    def raw(self):
        return self.here / self.params["raw"]

    def declaration(self, name, folder=None):
        path = (folder or self.here) / "pipeline" / "catalog" / f"{name}.toml"
        return tomllib.loads(path.read_text(encoding="utf-8"))

    def manifest(self, name):
        path = self.raw / name / "manifest.toml"
        found = tomllib.loads(path.read_text("utf-8")) if path.is_file() else self.declaration(name)
        return found["splits"]

    @property
    def fresh(self):
        """The inputs are those that the last run saw."""
        return self.whole and inputs(self.here) == inputs(self.twin)

    def ready(self):
        """The listed datasets that are declared and have raw files."""
        declared = {p.stem for p in (self.here / "pipeline" / "catalog").glob("*.toml")}
        return [n for n in self.listed if n in declared and (self.raw / n).is_dir()]

    # What must hold

    def finished(self, *, forgetful=False):
        """All stages ran just now: the outputs are those of a clean rebuild.

        `forgetful` is who leaves the folders of datasets that are listed no more.
        """
        if forgetful:
            for stage in ("normalize", "clean", "instruct"):
                for path in (self.here / "output" / stage).iterdir():
                    if path.name not in self.listed:
                        shutil.rmtree(path)
        self.rebuild()
        self.whole = True
        self.check()
        self.model()

    def rebuild(self):
        """Make the twin anew from the inputs of now, unless it is that already."""
        if inputs(self.here) == inputs(self.twin) and (self.twin / "output").exists():
            return
        for place in INPUTS:
            _copy(self.here / place, self.twin / place)
        _remove(self.twin / "output")
        self.iepile("run", "--workers", 1, *self.listed, folder=self.twin)

    def check(self):
        """What the last run wrote is untouched, and equal to that of the twin."""
        if not self.whole:
            return
        ours, theirs = outputs(self.here), outputs(self.twin)
        assert [*ours] == [*theirs], sorted({*ours} ^ {*theirs})
        assert [name for name in ours if ours[name] != theirs[name]] == []
        self.compared["files"] += len(ours)
        self.compared["bytes"] += sum(map(len, ours.values()))

    def model(self):
        """What the inputs alone tell of the outputs."""
        counts = orjson.loads((self.here / "output/reports/counts.json").read_bytes())["datasets"]
        assert sorted(counts) == sorted(self.ready())
        for name, own in counts.items():
            declared = self.manifest(name)
            for split, read in own["read"].items():
                assert read["rows"] == declared[split]["counts"]["records"], (name, split)
        settings = config.load(self.here / "params.yaml")
        catalog = self.here / "pipeline" / "catalog"
        ws = Workspace(settings, self.raw, self.here / "output", declarations=catalog)
        invariants.whole(sorted(counts), ws)

    def corpus(self):
        """(dataset, task) -> its rows in the corpus."""
        found: dict[tuple[str, str], list[dict]] = {}
        for path in sorted((self.here / "output/corpus").glob("*/*.parquet")):
            columns = ["id", "record_id", "task", "split", "labels", "output", "n_positive"]
            for row in pq.read_table(path, columns=columns).to_pylist():
                key = (row["record_id"].split("/")[0], row["task"])
                found.setdefault(key, []).append(row)
        return found

    def untouched(self):
        """A context in which nothing that the stages wrote may change, whatever is tried."""
        return _Untouched(self.here)


class _Untouched:
    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        self.before = outputs(self.folder)

    def __exit__(self, kind, *rest):
        if kind is None:
            assert self.before == outputs(self.folder)


def outputs(folder):
    """All that the stages wrote, by path; leftovers included."""
    found = {}
    for place in (folder / "output" / name for name in OUTPUTS):
        paths = [place] if place.is_file() else sorted(place.rglob("*"))
        found |= {p.relative_to(folder).as_posix(): p.read_bytes() for p in paths if p.is_file()}
    ours = (".gitignore", ".iepile")
    found |= {p.name: b"" for p in (folder / "output").glob(".*") if p.name not in ours}
    return {name: data for name, data in found.items() if not name.endswith(".gitignore")}


def inputs(folder, places=INPUTS):
    """A digest of all that the stages read, or of a part of it."""
    digest = hashlib.sha256()
    for place in places:
        top = folder / place
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
                digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def _project(folder, names):
    ignore = shutil.ignore_patterns("__pycache__", "hard_negatives*", "dvc.lock")
    for name in ("pipeline", "dictionaries"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, folder / name)
    for path in (folder / "pipeline" / "catalog").glob("*.toml"):
        if path.stem not in names:
            path.unlink()
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["datasets"] = [*names]
    write_params(folder, params)
    for name in names:
        shutil.copytree(ROOT / "raw" / "sample" / name, folder / "raw" / "sample" / name)


def write_params(folder, params):
    text = yaml.safe_dump(params, sort_keys=False, allow_unicode=True)
    (folder / "params.yaml").write_text(text, encoding="utf-8")


def _copy(source, target):
    _remove(target)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    elif source.is_file():
        shutil.copy(source, target)


def _remove(place):
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
