"""What somebody does with the outputs in a day: runs the stages, exports, scores, looks.

A run ends in the bytes of a clean rebuild, however it was done or disturbed. Everything else
changes nothing that the stages wrote. What is exported from outputs that are older than their
inputs is what was exported when they were made; of outputs that do not belong together, nothing is.
"""

from __future__ import annotations

import orjson

from tests.day import edits
from tests.day.world import outputs, write_params

_EACH = ("normalize", "clean", "instruct")
_STAGES = ("normalize", "clean", "dedupe", "negatives", "instruct", "publish", "report")
_FORMATS = ("messages", "sharegpt", "alpaca", "prompt-completion", "bio", "uie", "uie-sel")
_FORMATS += ("spert", "gliner", "mlm-wwm", "iepile-jsonl")


def run_everything(world, workers=1):
    world.iepile("run", "--workers", workers, *world.listed)
    world.sources = None
    world.finished()


def run_with_two_workers(world):
    run_everything(world, workers=2)


def run_stage_by_stage(world):
    """As `dvc.yaml` does; impossible without the raw files of every listed dataset."""
    if world.ready() != world.listed:
        run_everything(world)
        return
    world.sources = None
    for stage in _STAGES:
        names = world.rng.sample(world.listed, len(world.listed)) if stage in _EACH else []
        world.iepile(stage, *names, "--workers", 1)
    world.finished(forgetful=True)


def run_by_dvc(world):
    """`dvc repro` runs what has changed and the stages over all datasets, and then nothing."""
    if world.ready() != world.listed or not world.listed:
        run_everything(world)
        return
    world.repro()
    world.sources = world.digests()
    assert world.repro() == set()
    world.finished(forgetful=True)


def run_a_second_time(world):
    """The same inputs once more: nothing changes, not even for a moment's leftovers."""
    if not world.fresh:
        run_everything(world)
    world.sources = None
    with world.untouched():
        world.iepile("run", "--workers", 1, *world.listed)
    world.check()


def be_interrupted(world):
    """A run is stopped before its n-th change on disk, several times, and then run to its end."""
    world.sources = None
    for _ in range(world.rng.randint(1, 3)):
        stop = (
            world.rng.randint(1, max(world.changes, 1)),
            world.rng.choice(["SIGKILL", "SIGINT"]),
        )
        world.history.append(f"{stop[1]} before change {stop[0]}")
        done = world.iepile("run", "--workers", 1, *world.listed, stop=stop)
        assert done.code in {-9, 130, 0}, done
        if done.code:
            world.whole = False
        if done.code == 130:
            assert "run the same command again" in done.err
        _nothing_half(world)
    done = world.iepile("run", "--workers", 1, *world.listed)
    world.changes = max(world.changes, done.changes)
    world.finished()


def _nothing_half(world):
    """Whatever lies under its final name can be read; an export is whole or refused."""
    import pyarrow.parquet as pq

    for path in (world.here / "output").rglob("*"):
        if path.is_file() and not any(part.startswith(".") for part in path.parts):
            if path.suffix == ".parquet":
                pq.read_table(path)
            elif path.suffix == ".json":
                orjson.loads(path.read_bytes())
    export(world)


def fail_in_the_middle(world):
    """One dataset cannot be read: the run stops, what was published stays, and exports as it is."""
    name, path, lines = edits._columns(world)
    if not name or not world.fresh:
        return
    before, corpus, world.sources = path.read_bytes(), _published(world), None
    edits.edit_a_label_in_raw_files(world)
    path.write_text("\n".join([*lines, "", "odd\tB-dragon"]), encoding="utf-8")
    world.iepile("run", "--workers", 1, *world.listed, code=1)
    assert _published(world) == corpus
    world.whole = False
    export(world)
    path.write_bytes(before)
    run_everything(world)


def _published(world):
    kept = ("output/corpus/", "output/reports/", "dictionaries/")
    return {name: data for name, data in outputs(world.here).items() if name.startswith(kept)}


def forget_a_stage(world):
    """Some stages are run after a change and others forgotten; the rest says which."""
    if not world.fresh or world.ready() != world.listed:
        return
    world.rng.choice([edits.rename_a_label, edits.edit_a_label_in_raw_files])(world)
    if world.fresh:
        return
    world.whole, world.sources = False, None
    done = world.rng.sample(_STAGES[:-1], world.rng.randint(1, 5))
    for stage in (s for s in _STAGES if s in done):
        names = world.listed if stage in _EACH else []
        said = world.nursery.run(world.here, [stage, *names, "--workers", 1])
        world.history.append(f"iepile {stage} (exit code {said.code})")
        assert "Traceback" not in said.err, said.err
        assert said.code == 0 or "iepile" in said.err, said.err
    export(world)


def export(world):
    """Any format; the same as the twin exports, or refused."""
    form = world.rng.choice(_FORMATS)
    arguments = ["export", form, "--out", world.folder / "exported"]
    if form == "iepile-jsonl" and world.rng.random() < 0.5:
        arguments += ["--from", "instructions"]
    if not (world.twin / "output").exists():
        return
    kept = sorted(p.name for p in (world.twin / "output/dedupe").iterdir() if p.is_dir())
    if world.rng.random() < 0.4:
        arguments += ["--datasets", ",".join(world.rng.sample(kept, min(2, len(kept))))]
    world.history.append("iepile " + " ".join(map(str, arguments)))
    ours = world.nursery.run(world.here, arguments)
    assert "Traceback" not in ours.err, ours.err
    if ours.code:
        assert not world.fresh, ours.err
        assert ours.err.startswith("error: "), ours.err
        assert "to do: " in ours.err, ours.err
        world.compared["exports refused"] += 1
        return
    found = (ours.out, _files(world.folder / "exported"))
    if not world.whole and found != _of_the_twin(world, arguments):
        # A run that was stopped, or failed, had published already.
        world.rebuild()
    assert found == _of_the_twin(world, arguments)
    world.compared["exports"] += 1
    world.compared["files"] += len(found[1])
    world.compared["bytes"] += sum(map(len, found[1].values()))


def _of_the_twin(world, arguments):
    done = world.nursery.run(world.twin, arguments)
    return (done.out, _files(world.folder / "exported")) if not done.code else done.err


def _files(folder):
    paths = sorted(folder.rglob("*"))
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in paths if p.is_file()}


def import_back(world):
    """What was exported in IEPile's format becomes a dataset of as many records."""
    if not world.fresh:
        return
    able = [n for n in world.ready() if "NER" in world.declaration(n)["tasks"]]
    name, out = world.rng.choice(able), world.folder / "unified"
    with world.untouched():
        world.iepile("export", "iepile-jsonl", "--datasets", name, "--out", out)
        folder = next(p.parent for p in out.rglob("schema.json") if "NER" in p.parts)
        world.number += 1
        again = f"again-{world.number}"
        world.iepile("import", "iepile-jsonl", folder, "--id", again)
        world.iepile("check", again, "--raw", "raw/full")
        place = world.folder / "again"
        chosen = (again, "--raw", "raw/full", "--out", place)
        world.iepile("run", *chosen, "--workers", 1)
        counts = orjson.loads((place / "reports/counts.json").read_bytes())["datasets"][again]
    own = orjson.loads((world.here / "output/reports/counts.json").read_bytes())["datasets"][name]
    held_out = world.declaration(name).get("use") == "held-out"
    for split, found in own["records"].items():
        if found["kept"] and not (held_out and split != "test"):
            assert counts["read"][split]["rows"] == found["kept"]


def score(world):
    """The gold is worth 100; one answer taken away is worth less, and an id of none is refused."""
    rows = [r for own in world.corpus().values() for r in own if r["split"] != "train"]
    if not rows:
        return
    path, told = world.folder / "answers.jsonl", world.folder / "scores.json"

    def scored(answers, code=0):
        path.write_bytes(b"".join(orjson.dumps(a) + b"\n" for a in answers))
        arguments = ("--out", told, "--samples", 0)
        done = world.iepile("score", path, *arguments, code=code)
        return done if code else orjson.loads(told.read_bytes())

    answers = [{"id": r["id"], "prediction": r["output"]} for r in rows]
    full = scored(answers)
    for own in [*full["scores"], *full["totals"]]:
        assert own["gold"] == own["predicted"] == own["correct"]
        assert own["f1"] == 100.0 or not own["gold"]
    able = [n for n, row in enumerate(rows) if row["n_positive"] and row["task"] == "NER"]
    if able:
        at = world.rng.choice(able)
        first = min(
            (n for n in able if rows[n]["record_id"] == rows[at]["record_id"]),
            key=lambda n: int(rows[n]["id"].rsplit("/", 1)[1]),
        )
        answers[first]["prediction"] = world.rng.choice(["", "{}", "I do not know", "[[["])
        less = scored(answers)
        assert _sum(less, "gold") == _sum(full, "gold")
        assert _sum(less, "correct") < _sum(full, "correct")
        assert _sum(less, "predicted") == _sum(less, "correct")
    assert "no/such/0" in scored([*answers, {"id": "no/such/0", "prediction": ""}], code=1).err


def _sum(scores, key):
    return sum(own[key] for own in scores["scores"])


def look(world):
    """Commands that only tell; what the audit tells adds up."""
    with world.untouched():
        counts = orjson.loads((world.here / "output/reports/counts.json").read_bytes())
        done = world.iepile("audit")
        for name, own in counts["datasets"].items():
            line = next(x for x in done.out.splitlines() if x.startswith(f"{name} "))
            figures = [int(x.replace(",", "")) for x in line.split()[1:5]]
            read = own["read"].values()
            assert figures[0] == sum(x["rows"] for x in read)
            windows = sum(
                x["windows"].get("windows", 0) - x["windows"].get("texts", 0) for x in read
            )
            assert figures[3] == figures[0] - figures[1] - figures[2] + windows
        name = world.rng.choice(sorted(counts["datasets"]))
        if name in world.ready():
            world.iepile("show", name)
            world.iepile("show", name, "--dropped")
            world.iepile("show", name, "--rejects")
            world.iepile("check", name)
        world.iepile("settings")
        world.iepile("datasets")
        world.iepile("datasets", "--json")


def stand_in_the_wrong_folder(world):
    """Without params.yaml the parameters are the defaults; what is missing is named."""
    elsewhere = world.folder / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    wrong = {"audit": "output/reports", "run": "--raw", "normalize": "params.yaml"}
    for command, named in wrong.items():
        assert named in world.iepile(command, code=1, cwd=elsewhere).err
    assert "raw/sample" in world.iepile("check", "--all", code=1, cwd=elsewhere).err
    world.iepile("settings", cwd=elsewhere)
    left = {path.name for path in elsewhere.rglob("*")}
    assert left <= {"output", ".iepile"}  # the mark of a folder that a run may write


def go_back_to_the_defaults(world):
    """All parameters as they were, so that a long day does not end in a strange corner."""
    for key, values in edits.PARAMS.items():
        edits.set_parameter(world, key, values[0])
    params = world.params
    params["publish"] |= {"max_rows": {}, "repeat": {}}
    write_params(world.here, params)
