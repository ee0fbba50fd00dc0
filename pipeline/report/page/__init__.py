"""The audit page: one HTML file for people, which fetches nothing.

The page holds the data as one block of JSON. `draw.js` and `page.js` draw all of it, as text and
never as markup. Control characters are drawn as visible signs, and the page's security policy
blocks all other scripts and all requests. `data` gathers the data, `html` builds the file.
"""

import base64
import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson

from pipeline.catalog import Dataset, editions
from pipeline.config import Settings
from pipeline.report import examples, figures
from pipeline.text import visible

_FOLDER: Final = Path(__file__).parent
#: Rows that are gathered per dataset and kind, and the bytes for them on the page: it shows as many
#: of each kind as fit.
ROWS_EACH: Final = 8
ROWS_BYTES: Final = 1_100_000
#: How many to show: labels of all datasets; labels of one dataset and task, at least and at most;
#: near labels of a label; pairs of each kind on the map of labels; leaks that the verdict names.
_LABELS, _LEAST, _MOST, _NEIGHBORS, _PAIRS, _NAMED = 1000, 5, 15, 4, 150, 5
#: The gain over frequency above which the labels asked are said to give the answer away.
_LEAK: Final = 0.02


def data(
    datasets: Sequence[Dataset],
    counts: Mapping[str, Any],
    totals: Mapping[str, Any],
    measured: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    deduped: Mapping[str, Any] = {},
    labels: Mapping[str, Any] = {"same": [], "conflicts": []},
    made: Mapping[str, str] = {},
) -> dict[str, Any]:
    """The data of the page.

    `counts` is counts.json; `totals` the summary of every dataset, and of all under ""; `measured`
    the report on each dataset; `rows` are examples; `deduped` holds what dedupe reported, under
    `near_duplicates` and `overlap`; `labels` is labels.json; `made` how the corpus was made.
    """
    words = tomllib.loads(_read("words.toml"))
    rows, rows_each = examples.few(rows, ("dataset", "outcome"), ROWS_BYTES)
    kind = ("dataset", "task", "split")
    asked = [row for dataset in measured.values() for row in dataset.instructions]
    instructions, instructions_each = examples.few(asked, kind, ROWS_BYTES)
    invented = counts["edition"]["invented"]
    return {
        "edition": "Sample: invented text." if len(invented) == len(datasets) else "Invented text.",
        "warning": editions.warning(invented, len(datasets)),
        "verdict": verdict(counts, totals[""], measured, deduped, labels),
        "total": totals[""],
        "tasks": figures.by_task(counts["datasets"].values()),
        "skipped": counts["skipped"],
        "words": words,
        "glossary": tomllib.loads(_read("outcomes.toml")),
        "lengths": figures.LENGTHS,
        "datasets": [_dataset(d, counts, totals[d.id], measured[d.id], words) for d in datasets],
        "rows": rows,
        "rows_each": rows_each,
        "instructions": instructions,
        "instructions_each": instructions_each,
        "near": deduped.get("near_duplicates"),
        "overlap": deduped.get("overlap"),
        "labels": {key: pairs[:_PAIRS] for key, pairs in labels.items()},
        "labels_found": {key: len(pairs) for key, pairs in labels.items()},
        "made": {"version": version("iepile-pipeline"), **made},
    }


def parameters(settings: Settings) -> str:
    """The parameters that decide which instructions are made, as YAML."""
    values = msgspec.to_builtins(settings)
    for other in ("raw", "datasets", "publish"):
        del values[other]
    return msgspec.yaml.encode(values).decode()


def verdict(
    counts: Mapping[str, Any],
    total: Mapping[str, Any],
    measured: Mapping[str, Any],
    deduped: Mapping[str, Any],
    labels: Mapping[str, Any],
) -> list[tuple[str, str]]:
    """The results of the checks, as ("good", "note" or "bad", a sentence)."""
    probes = {
        f"{name} {task}": probe["positive"]["low"]
        for name, dataset in counts["datasets"].items()
        for task, probe in dataset["leak"].items()
    }
    leaks = sorted(name for name, low in probes.items() if low > _LEAK)
    unseen = sum(
        not n
        for dataset in measured.values()
        for by_label in dataset.figures["labels"].values()
        for n in by_label.values()
    )
    leaked = total["dropped"].get("train_text_in_test", 0)
    fates = f"{total['rows']:,} kept, merged, dropped or rejected"
    lines = [
        ("good", f"All rows read are accounted for: {fates}."),
        ("good", f"No train text stands in a test split; removed for that: {leaked:,}."),
    ]
    if leaks:
        names = ", ".join(leaks[:_NAMED]) + (" and more" if leaks[_NAMED:] else "")
        lines.append(("bad", f"Tasks whose labels give answers away: {len(leaks)} ({names})."))
    elif probes:
        no_leak = f"The labels asked give no answer away; tasks probed: {len(probes)}."
        lines.append(("good", no_leak))
    else:
        lines.append(("note", "No task has enough rows to probe whether labels give answers away."))
    subjects = {"near_duplicates": "Near-duplicates"}
    subjects["overlap"] = "Records that share a long passage with a test"
    for name, subject in subjects.items():
        if (reported := deduped.get(name)) and reported["pairs"]:
            records = sum(pair["records"] for pair in reported["pairs"])
            fate = "dropped" if reported["policy"] == "drop" else "reported and kept"
            lines.append(("note", f"{subject}, {fate}: {records:,}."))
    if labels["conflicts"]:
        lines.append(("note", f"Label names that mean two things: {len(labels['conflicts'])}."))
    if unseen:
        lines.append(("note", f"Labels that occur in no kept record: {unseen:,}."))
    if (budget := counts.get("budget")) and "chosen" in budget:
        covered = [budget[choice]["labels"]["covered"] for choice in ("chosen", "random", "all")]
        records = budget["chosen"]["records"]
        chosen = f"Records chosen for {budget['rows']:,} instructions: {records:,}. "
        cover = "Labels covered by them: {:,}, by random ones: {:,}, by all: {:,}."
        lines.append(("note", chosen + cover.format(*covered)))
    if counts["skipped"]:
        lines.append(("note", f"Datasets left out: {len(counts['skipped'])}."))
    return lines


def _dataset(
    dataset: Dataset,
    counts: Mapping[str, Any],
    total: Mapping[str, Any],
    measured: Any,
    words: Mapping[str, Any],
) -> dict[str, Any]:
    """The data of the page about one dataset."""
    dataset_counts, counted = counts["datasets"][dataset.id], measured.figures
    most = min(max(_LABELS // len(counts["datasets"]), _LEAST), _MOST)
    keys = ("id", "title", "language", "domain", "tasks", "use", "terms", "citation", "note")
    frequent = {
        task: [(label, labels[label]) for label in _by_count(labels, labels)[:most]]
        for task, labels in counted["labels"].items()
    }
    return {
        **{key: getattr(dataset, key) for key in keys},
        "homepage": dataset.homepage if re.match("https?://", dataset.homepage) else "",
        "invented": dataset.id in counts["edition"]["invented"],
        "texts": editions.in_words(dataset.id, counts["edition"]),
        "total": total,
        "by_task": figures.by_task([dataset_counts]),
        "splits": dataset_counts["records"],
        "reading": [
            (split, kind, name, number)
            for split, read in dataset_counts["read"].items()
            for kind in words["reading"]
            for name, number in read.get(kind, {}).items()
        ],
        "asked": figures.asked(dataset_counts["instructions"]),
        "odd": {split: kinds for split, kinds in dataset_counts["hygiene"].items() if kinds},
        "leak": dataset_counts["leak"],
        "labels": frequent,
        "n_labels": {task: len(labels) for task, labels in counted["labels"].items()},
        "positives": counted["positives"],
        "lengths": counted["lengths"],
        "near": {
            task: [
                (label, links[label][:_NEIGHBORS])
                for label in _by_count(links, counted["labels"].get(task, {}))[:most]
            ]
            for task, links in measured.near.items()
            if any(links.values())
        },
    }


def _by_count(labels: Iterable[str], counts: Mapping[str, int]) -> list[str]:
    """The labels, the most frequent first."""
    return sorted(labels, key=lambda label: (-counts.get(label, 0), label))


def html(content: Mapping[str, Any]) -> str:
    """The page with `content`, which `data` returns."""
    script = _read("draw.js") + _read("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    parts = {
        "style": _read("page.css"),
        "script_hash": f"sha256-{digest}",
        "script": script,
        "changes": "null",
        "data": _embedded(content),
    }
    text = _read("page.html")
    for name, part in parts.items():
        text = text.replace(f"[[{name}]]", part)
    return text


def with_changes(text: str, changes: Mapping[str, Any]) -> str:
    """The page `text`, with the differences from another run: see `changes.found`."""
    return text.replace('id="changes">null<', f'id="changes">{_embedded(changes)}<')


def _embedded(value: object) -> str:
    """JSON that cannot end a script element, with signs in place of what turns the reading.

    It holds control characters as escapes, for which `draw.js` shows signs.
    """
    return visible(orjson.dumps(value).decode()).replace("<", "\\u003c")


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
