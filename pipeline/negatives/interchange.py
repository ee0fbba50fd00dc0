"""The dictionary as files: written for `git diff`, exchanged with the field, compared, looked up.

The field's form is one JSON file, `task -> dataset source -> label -> [labels]`. Ours holds these
lists in `hard_negatives.json`, and scores per dataset in `hard_negatives/<id>.json`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson

from pipeline import config, tasks
from pipeline.catalog import Dataset, renamed
from pipeline.errors import DeclarationError, StaleError
from pipeline.execution import shards

#: A dataset's dictionary, in the folder that the stage writes for it.
NAME: Final = "dictionary.json"
#: The neighbors of one label: {"label", "score", "signals"}, best first.
Near = list[dict[str, Any]]
Lists = dict[str, list[str]]
#: Task -> source -> label -> labels.
Merged = dict[str, dict[str, Lists]]


_TODO: Final = "give task -> dataset -> label -> [labels], or a file of hard_negatives/"


class _Near(msgspec.Struct):
    label: str


class _Ours(msgspec.Struct):
    """What is read of a file of ours; it holds more."""

    source: str
    tasks: dict[str, dict[str, list[_Near]]]


def laid_out(value: Any, levels: int, pad: str = "") -> str:
    """Return JSON with a line per entry down to so many levels, so that a diff shows what moved."""
    if not levels or not value or not isinstance(value, dict | list):
        return orjson.dumps(value).decode()
    inner = pad + "  "
    if isinstance(value, dict):
        first, last = "{}"
        entries = [(f"{orjson.dumps(key).decode()}: ", child) for key, child in value.items()]
    else:
        first, last = "[]"
        entries = [("", child) for child in value]
    lines = [f"{inner}{key}{laid_out(child, levels - 1, inner)}" for key, child in entries]
    return "\n".join([first, ",\n".join(lines), pad + last])


def gather(names: Iterable[str], folder: Path, target: Path) -> None:
    """Gather the dictionaries of a run as people and `git diff` read them.

    Writes `target/hard_negatives/<id>.json` and `target/hard_negatives.json`, where they differ.
    """
    texts = {name: (folder / name / NAME).read_bytes() for name in sorted(names)}
    target_folder = target / "hard_negatives"
    for path in target_folder.glob("*.json"):
        if path.stem not in texts:
            path.unlink()
    files = {target_folder / f"{name}.json": text for name, text in texts.items()}
    lists = merged(orjson.loads(text) for text in texts.values())
    ordered = {task: dict(sorted(sources.items())) for task, sources in sorted(lists.items())}
    files[target / "hard_negatives.json"] = f"{laid_out(ordered, 3)}\n".encode()
    for path, text in files.items():
        if not path.is_file() or path.read_bytes() != text:
            shards.write_bytes(text, path)


def merged(contents: Iterable[dict[str, Any]]) -> Merged:
    """The field's form of several dictionaries; datasets of one source are united."""
    lists: Merged = {}
    for content in contents:
        for task, labels in content["tasks"].items():
            near_of_label = lists.setdefault(task, {}).setdefault(content["source"], {})
            for label, near in labels.items():
                known = near_of_label.setdefault(label, [])
                known += [n["label"] for n in near if n["label"] not in known]
    return lists


def read(path: Path) -> Merged:
    """Any of our files, a folder of them, or a file of another project, in the field's form."""
    if not path.exists():
        todo = "name a dictionary: a JSON file, or a folder of ours"
        raise DeclarationError("there is no such file or folder", where=path, todo=todo)
    if (path / "hard_negatives").is_dir():  # the project's folder `dictionaries`
        path = path / "hard_negatives"
    dictionaries = sorted(path.glob(f"*/{NAME}"))  # the folder `negatives` of a run
    files = (dictionaries or sorted(path.glob("*.json"))) if path.is_dir() else [path]
    if not files:
        raise DeclarationError("no dictionary is in this folder", where=path, todo=_TODO)
    contents = [(file, shards.read_json(file)) for file in files]
    if path.is_dir() or (isinstance(contents[0][1], dict) and "tasks" in contents[0][1]):
        return merged(_checked(content, _Ours, file) for file, content in contents)
    lists: Merged = _checked(contents[0][1], Merged, path)
    return lists


def _checked(content: Any, kind: Any, path: Path) -> Any:
    """The content as it is, once it is known to have the shape of a dictionary."""
    try:
        msgspec.convert(content, kind)
    except msgspec.ValidationError as problem:
        what = f"this is no dictionary: {problem}"
        raise DeclarationError(what, where=path, todo=_TODO) from None
    return content


def dictionary_of(path: Path) -> dict[str, Lists]:
    """Task -> label -> near labels, best first, of one dataset's file: what `instruct` reads."""
    return {
        task: {label: [n["label"] for n in near] for label, near in labels.items()}
        for task, labels in _checked(shards.read_json(path), _Ours, path)["tasks"].items()
    }


def dictionary_for(dataset: Dataset, folder: Path) -> dict[str, Lists]:
    """The dictionary of a dataset in the folder of all; one that lacks its labels is refused."""
    path = folder / dataset.id / NAME
    todo = "run `iepile negatives`; `dvc repro` or `iepile run` do everything"
    if not path.is_file():
        raise StaleError(f"there is no dictionary of {dataset.id}", where=path, todo=todo)
    near = dictionary_of(path)
    for task in dataset.tasks:
        near_of_label = near.get("EE" if task in ("EET", "EEA") else task, {})
        if lacking := [
            label for label in tasks.inventory(dataset, task) if label not in near_of_label
        ]:
            what = f"the dictionary of {dataset.id} does not know the label {lacking[0]!r}"
            raise StaleError(what, where=path, todo=todo)
    return near


def imported(
    lists: Merged, dataset: Dataset, task: str, labels: list[str]
) -> tuple[dict[str, Near], dict[str, Any]]:
    """Another project's lists for one inventory, and counts of what was used of them.

    They are found under the dataset's source or its id. Labels that we do not have are left out.
    """
    sources = lists.get(task, {})
    listed = sources.get(dataset.source, sources.get(dataset.id))
    known = {*labels}
    # The file may use the other names: those that IEPile prints, or our readable ones.
    others = tasks.inventory(renamed(dataset), task)
    ours = {b: a for a, b in zip(labels, others, strict=True) if b not in known}
    near_of_label = {
        ours.get(x, x): dict.fromkeys(ours.get(y, y) for y in near)
        for x, near in (listed or {}).items()
    }
    links = [(x, y) for x in labels for y in near_of_label.get(x, ()) if x != y]
    kept = [(x, y) for x, y in links if y in known]
    result: dict[str, Near] = {label: [] for label in labels}
    for label, other in kept:
        result[label].append({"label": other, "score": None, "signals": {}})
    return result, {
        "links": len(kept),
        "dangling_links": len(links) - len(kept),
        "unknown_labels": len(near_of_label.keys() - known),
        "labels_without_entry": len(known - near_of_label.keys()),
        "datasets_without_entry": [] if listed is not None else [f"{dataset.id} {task}"],
    }


def compare(a: Path, b: Path) -> list[dict[str, Any]]:
    """How far two dictionaries agree, one row per task and dataset that both have.

    `overlap` is shared links / all links of the labels that both have; `precision` takes B as the
    reference: the share of B's neighbors among as many of A's first ones, averaged over labels.
    """
    first, second = read(a), read(b)
    rows = []
    for task in sorted({*first} & {*second}):
        for source in sorted({*first[task]} & {*second[task]}):
            ours, theirs = first[task][source], second[task][source]
            labels = [label for label in ours if label in theirs]
            of_a, of_b = ({(x, y) for x in labels for y in own[x]} for own in (ours, theirs))
            scores = [r_precision(ours[x], theirs[x]) for x in labels if theirs[x]]
            rows.append(
                {
                    "task": task,
                    "source": source,
                    "labels": len(labels),
                    "only_a": len(ours) - len(labels),
                    "only_b": len(theirs) - len(labels),
                    "links_a": len(of_a),
                    "links_b": len(of_b),
                    "links_both": len(of_a & of_b),
                    "overlap": round(len(of_a & of_b) / max(len(of_a | of_b), 1), 3),
                    "precision": round(sum(scores) / len(scores), 3) if scores else None,
                }
            )
    return rows


def r_precision(ranked: list[str], reference: list[str]) -> float:
    """The share of the reference's labels among the first as many of a ranking."""
    wanted = {*reference}
    return len(wanted & {*ranked[: len(wanted)]}) / len(wanted)


def neighbors(path: Path, label: str, task: str | None = None) -> list[dict[str, Any]]:
    """The neighbors of a label in one dataset's file, each with its task, score and signals."""
    tasks = _checked(shards.read_json(path), _Ours, path)["tasks"]
    config.check_known([task] if task else [], tasks, "task", path)
    asked = {t: labels for t, labels in tasks.items() if task in (None, t)}
    if not any(label in labels for labels in asked.values()):
        known = dict.fromkeys(x for labels in asked.values() for x in labels)
        config.check_known([label], known, "label", path)
    return [{"task": t, **entry} for t, labels in asked.items() for entry in labels.get(label, [])]
