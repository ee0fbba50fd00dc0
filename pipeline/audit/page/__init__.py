"""The audit page: one HTML file for people, with nothing to fetch.

`page.html` is the template, `page.css` and `page.js` go into it. Everything from the data is
escaped, by the template engine or, in charts, by Vega; besides, the page's own policy lets no other
script run and no request leave. `dataset_charts` draws what belongs to one dataset, `render` puts
the page together.
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

from pipeline.audit.figures import asked
from pipeline.audit.page import charts
from pipeline.records import SPLITS

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
#: What the drop reasons mean.
GLOSSARY: Final = {
    "mostly_non_letters": "too many characters are no letters",
    "too_short": "a few characters and no annotation",
    "mostly_stop_words": "too many words are stop words",
    "duplicate": "the same text and annotations earlier in the split",
    "conflicting_duplicate": "the same text with other annotations in the split",
    "merged_duplicate": "its annotations went to the first record of the same text",
    "train_text_in_test": "a train or dev text that occurs in a test split",
    "near_duplicate": "a text nearly equal to one of a test split, or earlier in its own",
    "text_too_long": "longer than the limit",
}


def dataset_charts(figures: Mapping[str, Any], near: Mapping[str, Any]) -> dict[str, Any]:
    """The charts and the neighbours of one dataset, from its figures and its dictionary."""
    drawn = []
    for task, labels in figures["labels"].items():
        top = sorted(labels.items(), key=lambda item: (-item[1], item[0]))[:_BARS]
        which = f"the {len(top)} most frequent of {len(labels)}" if len(top) < len(labels) else ""
        caption = f"{task}: records per label" + (f", {which}" if which else "")
        drawn.append((caption, charts.bars([name for name, _ in top], [n for _, n in top])))
    drawn += [
        (f"{task}: positive labels per record", charts.positives(counts))
        for task, counts in figures["positives"].items()
    ]
    drawn.append(("Records by characters of text", charts.lengths(figures["lengths"])))
    neighbours = []
    for task, labels in near.items():
        counts = figures["labels"].get(task, {})
        order = sorted(labels, key=lambda label: (-counts.get(label, 0), label))
        # Two labels make no map, nor does a dictionary without a link.
        worth = len(order) > 2 and any(labels[label] for label in order[:_HEAT])
        cells = charts.heat(order[:_HEAT], labels) if worth else None
        linked = any(labels.values())
        listed = [(label, labels[label]) for label in order[:_LISTED]] if linked else []
        hidden = len(order) - len(listed) if linked else 0
        neighbours.append({"task": task, "labels": listed, "hidden": hidden, "heat": cells})
    return {
        "charts": [{"caption": caption, "svg": svg} for caption, svg in drawn],
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
        loader=jinja2.FileSystemLoader(_FOLDER), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["color"] = lambda name: xxhash.xxh3_64_intdigest(name.encode()) % 10
    colors = "".join(f".k{i} {{ --k: {color}; }}\n" for i, color in enumerate(charts.PALETTE))
    own = [
        {
            **{key: getattr(d, key) for key in ("id", "title", "language", "domain", "tasks")},
            "use": d.use,
            "note": d.note,
            "license": d.license,
            "link": d.homepage if d.homepage.startswith(("https://", "http://")) else None,
            "total": totals[d.id],
            "reasons": [reason for reason, n in totals[d.id]["dropped"].items() if n],
            "records": {
                split: {**own, "dropped": Counter(own["dropped"])}
                for split, own in counts["datasets"][d.id]["records"].items()
            },
            "hygiene": _odd(counts["datasets"][d.id]["hygiene"]),
            "asked": asked(counts["datasets"][d.id]["instructions"]),
            "charts": [{**c, "svg": Markup(c["svg"])} for c in drawn[d.id]["charts"]],  # noqa: S704
            "neighbours": [
                {**n, "heat": n["heat"] and Markup(n["heat"])}  # noqa: S704
                for n in drawn[d.id]["neighbours"]
            ],
        }
        for d in datasets
    ]
    return environment.get_template("page.html").render(
        style=Markup(_read("page.css") + colors),  # noqa: S704
        script=Markup(script),  # noqa: S704
        script_hash=f"sha256-{digest}",
        datasets=own,
        total=totals[""],
        reasons=reasons,
        glossary=GLOSSARY,
        drops_chart=_drops(totals, reasons),
        pure_chart=_pure(own),
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
    rows = [
        (name, reason, n / own["records"])
        for name, own in totals.items()
        for reason, n in own["dropped"].items()
        if name and n
    ]
    whole = {name: 1 - own["kept"] / max(own["records"], 1) for name, own in totals.items()}
    rows.sort(key=lambda row: (-whole[row[0]], row[0]))
    return Markup(charts.drops(rows, reasons)) if rows else None  # noqa: S704


def _pure(datasets: Sequence[Mapping[str, Any]]) -> Markup | None:
    rows = {
        f"{d['id']} {own['task']}": own["pure_negative_share"]
        for d in datasets
        for own in d["asked"]
        if own["split"] == "train" and own["pure_negative_share"]
    }
    rows = dict(sorted(rows.items(), key=lambda item: (-item[1], item[0])))
    return Markup(charts.shares(rows)) if rows else None  # noqa: S704
