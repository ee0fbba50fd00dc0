"""The audit page: one HTML file for people, with nothing to fetch.

`page.html` is the template, `page.css` and `page.js` go into it. Everything from the data is
escaped, and what would steer the display is drawn as a sign; besides, the page's own policy lets no
other script run and no request leave. `dataset_charts` draws what belongs to one dataset, `render`
puts the page together.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jinja2
import xxhash
from markupsafe import Markup

from pipeline.catalog import editions
from pipeline.records import SPLITS
from pipeline.report.figures import asked
from pipeline.report.page import charts
from pipeline.text import visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.catalog import Dataset

_FOLDER: Final = Path(__file__).parent
#: Labels in a bar chart, in a heat map, and in the list of neighbours: the page stays small.
_BARS: Final = 15
_HEAT: Final = 24
_LISTED: Final = 24
#: Pairs of splits with near-duplicates.
_PAIRS: Final = 60
_DROPPED: Final = "Dropped records, as a share of each dataset's"
_PURE: Final = "Instructions without a positive label, train, by dataset and task"
_NEAR: Final = "Rows have columns as neighbours; the stronger the nearer"
#: What the drop reasons mean.
GLOSSARY: Final = {
    "mostly_non_letters": "too many characters are no letters",
    "too_short": "a few characters and no annotation",
    "mostly_stop_words": "too many words are stop words",
    "duplicate": "the same text and annotations earlier in the split",
    "conflicting_duplicate": "the same text with other annotations in the split",
    "merged_duplicate": "its annotations went to the first record of the same text",
    "train_text_in_test": "a train or dev text that occurs in a test split",
    "contradicting": "a text that a preferred dataset annotates differently",
    "near_duplicate": "a text nearly equal to one of a test split, or earlier in its own",
    "text_too_long": "longer than the limit",
}


def dataset_charts(figures: Mapping[str, Any], near: Mapping[str, Any]) -> dict[str, Any]:
    """The charts and the neighbours of one dataset, from its figures and its dictionary."""
    drawn: list[tuple[str, Any, Any]] = []
    for task, labels in figures["labels"].items():
        top = sorted(labels.items(), key=lambda item: (-item[1], item[0]))[:_BARS]
        which = f", the {len(top)} most frequent of {len(labels)}" if len(top) < len(labels) else ""
        drawn.append((f"{task}: records per label{which}", charts.counted, top))
    for task, counts in figures["positives"].items():
        drawn.append((f"{task}: positive labels per record", charts.positives, counts))
    drawn.append(("Records by characters of text", charts.lengths, figures["lengths"]))
    neighbours = []
    for task, labels in near.items():
        counts = figures["labels"].get(task, {})
        order = sorted(labels, key=lambda label: (-counts.get(label, 0), label))
        # Two labels make no map, nor does a dictionary without a link.
        worth = len(order) > 2 and any(labels[label] for label in order[:_HEAT])
        cells = charts.heat(_NEAR, order[:_HEAT], labels) if worth else None
        linked = any(labels.values())
        listed = [(label, labels[label]) for label in order[:_LISTED]] if linked else []
        hidden = len(order) - len(listed) if linked else 0
        neighbours.append({"task": task, "labels": listed, "hidden": hidden, "heat": cells})
    return {
        "charts": [{"caption": told, "svg": draw(told, own)} for told, draw, own in drawn],
        "neighbours": neighbours,
    }


def render(
    datasets: Sequence[Dataset],
    counts: Mapping[str, Any],
    totals: Mapping[str, Any],
    drawn: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    most: int,
    near: Mapping[str, Any] | None = None,
) -> str:
    """The page.

    `counts` is counts.json; `totals` the summary of every dataset, and of all under ""; `drawn`
    what `dataset_charts` made of each; `rows` are examples, `most` of each kind; `near` is
    near_duplicates.json, where dedupe looked for them.
    """
    reasons = [*totals[""]["dropped"]]
    script = _read("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    environment.filters["color"] = lambda name: xxhash.xxh3_64_intdigest(name.encode()) % 10
    colors = "".join(f".k{i} {{ --k: {color}; }}\n" for i, color in enumerate(charts.PALETTE))
    own = [
        {
            **{key: getattr(d, key) for key in ("id", "title", "language", "domain", "tasks")},
            "use": d.use,
            "note": d.note,
            "license": d.license,
            "invented": d.id in counts["edition"]["invented"],
            "link": d.homepage if d.homepage.startswith(("https://", "http://")) else None,
            "total": totals[d.id],
            "reasons": [reason for reason, n in totals[d.id]["dropped"].items() if n],
            "records": {
                split: {**own, "dropped": Counter(own["dropped"])}
                for split, own in counts["datasets"][d.id]["records"].items()
            },
            "hygiene": _odd(counts["datasets"][d.id]["hygiene"]),
            "asked": asked(counts["datasets"][d.id]["instructions"]),
            "leak": counts["datasets"][d.id]["leak"],
            **drawn[d.id],
        }
        for d in datasets
    ]
    return environment.get_template("page.html").render(
        style=Markup(_read("page.css") + colors),  # noqa: S704
        script=Markup(script),  # noqa: S704
        script_hash=f"sha256-{digest}",
        datasets=own,
        warning=editions.warning(counts["edition"]["invented"], len(datasets)),
        invented=counts["edition"]["invented"],
        total=totals[""],
        reasons=reasons,
        glossary=GLOSSARY,
        drops=(_DROPPED, _drops(totals, reasons)),
        pure=(_PURE, _pure(own)),
        heat_caption=_NEAR,
        skipped=counts["skipped"],
        rows=rows,
        most=most,
        near=_pairs(near),
        outcomes=sorted({row["outcome"] for row in rows}),
        splits=[*SPLITS, *sorted({row["split"] for row in rows} - {*SPLITS})],
    )


def _odd(hygiene: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Kind of odd annotation -> split -> how many, in the order of kinds."""
    kinds = sorted({kind for own in hygiene.values() for kind in own})
    return {kind: {split: own.get(kind, 0) for split, own in hygiene.items()} for kind in kinds}


def _pairs(near: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The near-duplicates, of the pairs of splits that have most, and how many pairs are left."""
    if near is None:
        return None
    pairs = sorted(near["pairs"], key=lambda pair: -pair["records"])
    found = sum(pair["records"] for pair in pairs)
    hidden = max(len(pairs) - _PAIRS, 0)
    return {**near, "pairs": pairs[:_PAIRS], "found": found, "hidden": hidden}


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _drops(totals: Mapping[str, Any], reasons: Sequence[str]) -> Markup | None:
    rows = []
    for name, own in totals.items():
        if name and (dropped := own["records"] - own["kept"]):
            parts = [
                (n / own["records"], charts.PALETTE[i % len(charts.PALETTE)], f"{reason}: {n:,}")
                for i, reason in enumerate(reasons)
                if (n := own["dropped"][reason])
            ]
            share = dropped / own["records"]
            rows.append((-share, charts.Bar(name, f"{share:.1%}", parts)))
    rows.sort()
    return charts.bars(_DROPPED, [bar for _, bar in rows], -rows[0][0]) if rows else None


def _pure(datasets: Sequence[Mapping[str, Any]]) -> Markup | None:
    rows = {
        f"{d['id']} {own['task']}": own["pure_negative_share"]
        for d in datasets
        for own in d["asked"]
        if own["split"] == "train" and own["pure_negative_share"]
    }
    bars = [
        charts.Bar(name, f"{share:.0%}", [(share, charts.INK, "")])
        for name, share in sorted(rows.items(), key=lambda item: (-item[1], item[0]))
    ]
    return charts.bars(_PURE, bars, 1) if bars else None
