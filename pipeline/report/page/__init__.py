"""The audit page: one HTML file for people, with nothing to fetch.

`page.html` is the template, `page.css` and `page.js` go into it. Everything from the data is
escaped, and what would steer the display is drawn as a sign; besides, the page's own policy lets no
other script run and no request leave. `charts` prepares what belongs to one dataset, `render` puts
the page together.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jinja2
import xxhash
from markupsafe import Markup

from pipeline.catalog import editions
from pipeline.report import figures
from pipeline.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pipeline.catalog import Dataset

_FOLDER: Final = Path(__file__).parent
#: Labels in a bar chart, and in a heat map or a list of neighbors: the page stays small.
_BARS: Final = 15
_NEIGHBORS: Final = 24
#: What the drop reasons mean.
GLOSSARY: Final = {
    "mostly_non_letters": "too many characters are not letters",
    "too_short": "a few characters and no annotation",
    "mostly_stop_words": "too many words are stop words",
    "duplicate": "the same text and annotations earlier in the split",
    "conflicting_duplicate": "the same text with other annotations in the split",
    "merged_duplicate": "its annotations went to the first record of the same text",
    "train_text_in_test": "a train or dev text that occurs in a test split",
    "contradicting": "a text that a preferred dataset annotates differently",
    "near_duplicate": "a text nearly equal to one of a test split, or earlier in its own",
    "test_passage": "it shares a long passage with a test",
    "text_too_long": "longer than the limit",
    "few_words": "fewer than three words beside names, tags, links and digits, and no annotation",
    "wrong_language": "mostly in the letters of another language",
    "image_markup": "it holds the markup of an image",
}


def charts(dataset: Mapping[str, Any], near: Mapping[str, Any]) -> dict[str, Any]:
    """The bar charts and the neighbors of one dataset, from its figures and its dictionary.

    A bar is (name, words at its end, parts), a part (length up to 1, color or None, title).
    """
    bars = {}
    for task, counts in dataset["labels"].items():
        top = _by_count(counts, counts)[:_BARS]
        which = f", the {len(top)} most frequent of {len(counts)}" if len(top) < len(counts) else ""
        named = [(label, counts[label]) for label in top]
        bars[f"{task}: records per label{which}"] = _bars(named, "{count:,}")
    for task, counts in dataset["positives"].items():
        names = [*map(str, range(figures.MANY)), f"{figures.MANY}+"]
        bars[f"{task}: positive labels per record"] = _histogram(names, counts)
    names = [f"{n / 1000:g}k+" if n >= 1000 else f"{n}+" for n in figures.LENGTHS]
    bars["Records by characters of text"] = _histogram(names, dataset["lengths"])
    neighbors = [
        _neighbors(task, labels, dataset["labels"].get(task, {})) for task, labels in near.items()
    ]
    return {"bars": bars, "neighbors": neighbors}


def _by_count(labels: Iterable[str], counts: Mapping[str, int]) -> list[str]:
    """The labels, the most frequent first."""
    return sorted(labels, key=lambda label: (-counts.get(label, 0), label))


def _histogram(names: Sequence[str], counts: Sequence[int]) -> list[Any]:
    """Bars of all classes from the first to the last that is not empty."""
    used = [i for i, n in enumerate(counts) if n] or [0]
    named = [*zip(names, counts, strict=True)][used[0] : used[-1] + 1]
    return _bars(named, "{share:.0%}")


def _bars(counts: Sequence[tuple[str, int]], words: str) -> list[Any]:
    total, most = (of([n for _, n in counts] or [0]) or 1 for of in (sum, max))
    return [
        (name, words.format(count=n, share=n / total), [(n / most, None, f"{n:,}")])
        for name, n in counts
    ]


def _neighbors(task: str, near: Mapping[str, Any], counts: Mapping[str, int]) -> dict[str, Any]:
    """The most frequent labels with their neighbors, as a list and as cells of a heat map.

    A cell is (row, column, opacity). A link without a score was made by hand, or imported: it is
    drawn like the strongest. Two labels make no map.
    """
    linked = any(near.values())
    labels = _by_count(near, counts)[:_NEIGHBORS] if linked else []
    place = {label: number for number, label in enumerate(labels)}
    scores = [n["score"] for own in near.values() for n in own if n["score"] is not None]
    strongest = max([*scores, 0]) or 1
    cells = [
        (place[label], place[n["label"]], 0.08 + 0.92 * max(score, 0) / strongest)
        for label in labels
        for n in near[label]
        if n["label"] in place
        for score in [strongest if n["score"] is None else n["score"]]
    ]
    return {
        "task": task,
        "labels": [(label, near[label]) for label in labels],
        "hidden": len(near) - len(labels) if linked else 0,
        "cells": cells if len(near) > 2 else [],
    }


def render(
    datasets: Sequence[Dataset],
    counts: Mapping[str, Any],
    totals: Mapping[str, Any],
    drawn: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    most: int,
    near: Mapping[str, Any] | None = None,
    label_map: Mapping[str, Any] | None = None,
) -> str:
    """The page.

    `counts` is counts.json; `totals` the summary of every dataset, and of all under ""; `drawn`
    what `charts` made of each; `rows` are examples, `most` of each kind; `near` is
    near_duplicates.json, where dedupe looked for them; `label_map` is labels.json.
    """
    script = _read("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: visible(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["color"] = lambda name: xxhash.xxh3_64_intdigest(name.encode()) % 10
    asked = {d.id: figures.asked(counts["datasets"][d.id]["instructions"]) for d in datasets}
    return environment.get_template("page.html").render(
        style=Markup(_read("page.css")),  # noqa: S704
        script=Markup(script),  # noqa: S704
        script_hash=f"sha256-{digest}",
        datasets=datasets,
        counts=counts["datasets"],
        totals=totals,
        total=totals[""],
        asked=asked,
        drawn=drawn,
        warning=editions.warning(counts["edition"]["invented"], len(datasets)),
        invented=counts["edition"]["invented"],
        glossary=GLOSSARY,
        drops=_drops(totals),
        pure=_pure(asked),
        skipped=counts["skipped"],
        rows=rows,
        most=most,
        near=near,
        label_map=label_map,
    )


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _drops(totals: Mapping[str, Any]) -> list[Any]:
    """A bar for every dataset that lost records, with a part for every reason."""
    dropped = {
        name: (total["records"] - total["kept"]) / total["records"]
        for name, total in totals.items()
        if name and total["records"] > total["kept"]
    }
    most = max(dropped.values(), default=1)
    return [
        (
            name,
            f"{dropped[name]:.1%}",
            [
                (n / totals[name]["records"] / most, color % 10, f"{reason}: {n:,}")
                for color, (reason, n) in enumerate(totals[name]["dropped"].items())
                if n
            ],
        )
        for name in sorted(dropped, key=lambda name: (-dropped[name], name))
    ]


def _pure(asked: Mapping[str, Any]) -> list[Any]:
    """A bar for every dataset and task: the share of train instructions without a positive."""
    shares = {
        f"{name} {row['task']}": row["pure_negative_share"]
        for name, rows in asked.items()
        for row in rows
        if row["split"] == "train" and row["pure_negative_share"]
    }
    ordered = sorted(shares, key=lambda name: (-shares[name], name))
    return [(name, f"{shares[name]:.0%}", [(shares[name], None, "")]) for name in ordered]
