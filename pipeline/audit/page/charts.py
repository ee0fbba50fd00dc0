"""The charts of the audit page, drawn once as SVG by Vega-Lite (vl-convert).

Nothing in the layout is measured from text: sizes and margins are given, long names are cut here.
So the bytes do not depend on the fonts of the machine, and the page needs no script to draw.
Colours of text are the page's (`currentColor`), for light and dark alike.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

import vl_convert

from pipeline.audit.figures import LENGTHS, MANY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_VERSION: Final = "6.4"
_SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v6.json"
_INK: Final = "#4c78a8"
#: Colours that stay apart on white and on black, for the reasons in their order.
PALETTE: Final = (
    "#e45756", "#f58518", "#eeca3b", "#54a24b", "#72b7b2", "#4c78a8", "#b279a2", "#ff9da6",
    "#9d755d", "#bab0ac",
)  # fmt: skip
_CONFIG: Final = {
    "aria": False,
    "background": None,
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {
        "domain": False, "ticks": False, "grid": False, "title": None, "labelLimit": 0,
        "labelOverlap": False, "labelColor": "currentColor", "labelPadding": 4, "labelFontSize": 11,
    },
    "text": {"color": "currentColor", "fontSize": 11},
    "legend": {"disable": True},
}  # fmt: skip
#: What Vega writes on every element, and the page's style sheet says once, or nothing needs.
_TAG: Final = re.compile(r"<[^>]*>")
_REPEATED: Final = re.compile(
    r" (?:aria-hidden|aria-roledescription|role|class|pointer-events|stroke-width|font-family|"
    r'font-size|xmlns:xlink)="[^"]*"| opacity="1"| fill="currentColor"'
)
_EMPTY: Final = re.compile(r'<path d="(?:M0,0h0v0h0Z)?"[^>]*/>')


def svg(width: int, height: int, margins: tuple[int, int, int, int], spec: Any) -> str:
    """One chart; margins are left, right, top, bottom."""
    left, right, top, bottom = margins
    whole = {
        "$schema": _SCHEMA,
        "width": width,
        "height": height,
        "autosize": {"type": "none"},
        "padding": {"left": left, "right": right, "top": top, "bottom": bottom},
        "config": _CONFIG,
        **spec,
    }
    drawn = vl_convert.vegalite_to_svg(whole, vl_version=_VERSION)
    return _EMPTY.sub("", _TAG.sub(lambda tag: _REPEATED.sub("", tag[0]), drawn))


def shortened(names: Sequence[str], columns: int) -> list[str]:
    """Names cut to a width in columns (Chinese characters take two), still distinct."""
    out: list[str] = []
    for name in names:
        short = _cut(name, columns)
        again = 1
        while short in out:
            again += 1
            short = f"{_cut(name, columns - 2)}·{again}"
        out.append(short)
    return out


def _cut(name: str, columns: int) -> str:
    wide = 0
    for i, character in enumerate(name):
        wide += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if wide > columns:
            return name[: max(i - 1, 1)] + "…"
    return name


def bars(names: Sequence[str], counts: Sequence[int]) -> str:
    """Horizontal bars with their counts, in the order given."""
    values = [
        {"name": name, "n": n, "told": f"{n:,}"}
        for name, n in zip(shortened(names, 24), counts, strict=True)
    ]
    y = {"field": "name", "type": "nominal", "sort": None}
    x = {
        "field": "n",
        "type": "quantitative",
        "axis": None,
        "scale": {"domain": [0, max([*counts, 1])]},
    }
    text = {"type": "text", "align": "left", "dx": 3}
    spec = {
        "data": {"values": values},
        "encoding": {"y": y, "x": x},
        "layer": [
            {"mark": {"type": "bar", "color": _INK}},
            {"mark": text, "encoding": {"text": {"field": "told", "type": "nominal"}}},
        ],
    }
    return svg(130, 17 * len(values), (160, 50, 2, 2), spec)


def _columns(names: Sequence[str], counts: Sequence[int]) -> str:
    """A histogram whose names are short."""
    total = sum(counts) or 1
    values = [
        {"name": name, "n": n, "told": f"{n / total:.0%}" if n * 200 >= total else ""}
        for name, n in zip(names, counts, strict=True)
    ]
    x = {
        "field": "name",
        "type": "nominal",
        "sort": None,
        "axis": {"labelAngle": 0},
    }
    y = {
        "field": "n",
        "type": "quantitative",
        "axis": None,
        "scale": {"domain": [0, max([*counts, 1])]},
    }
    text = {"type": "text", "baseline": "bottom", "dy": -2}
    spec = {
        "data": {"values": values},
        "encoding": {"y": y, "x": x},
        "layer": [
            {"mark": {"type": "bar", "color": _INK}},
            {"mark": text, "encoding": {"text": {"field": "told", "type": "nominal"}}},
        ],
    }
    return svg(max(60, 30 * len(values)), 110, (4, 4, 18, 20), spec)


def lengths(counts: Sequence[int]) -> str:
    """Records by the length of their text."""
    used = [i for i, n in enumerate(counts) if n] or [0]
    part = slice(used[0], used[-1] + 1)
    names = [f"{n / 1000:g}k" if n >= 1000 else str(n) for n in LENGTHS]
    return _columns([f"{name}+" for name in names[part]], [*counts[part]])


def positives(counts: Sequence[int]) -> str:
    """Records by the number of their positive labels."""
    last = max([i for i, n in enumerate(counts) if n], default=0)
    names = [*map(str, range(MANY)), f"{MANY}+"]
    return _columns(names[: last + 1], [*counts[: last + 1]])


def drops(rows: Sequence[tuple[str, str, float]], reasons: Sequence[str]) -> str:
    """Stacked bars: (dataset, reason, share of the dataset's records), coloured like `reasons`."""
    names = [*dict.fromkeys(name for name, _, _ in rows)]
    totals: dict[str, float] = {}
    for name, _, share in rows:
        totals[name] = totals.get(name, 0) + share
    most = max(totals.values(), default=1) or 1
    values = [{"name": n, "reason": r, "share": s, "order": reasons.index(r)} for n, r, s in rows]
    told = [{"name": n, "share": total, "told": f"{total:.1%}"} for n, total in totals.items()]
    y = {"field": "name", "type": "nominal", "scale": {"domain": names}}
    x = {"field": "share", "type": "quantitative", "axis": None, "scale": {"domain": [0, most]}}
    color = {
        "field": "reason",
        "type": "nominal",
        "scale": {
            "domain": [*reasons],
            "range": [PALETTE[i % len(PALETTE)] for i in range(len(reasons))],
        },
    }
    order = {"field": "order", "type": "quantitative"}
    spec = {
        "layer": [
            {
                "data": {"values": values},
                "mark": "bar",
                "encoding": {"y": y, "x": x, "color": color, "order": order},
            },
            {
                "data": {"values": told},
                "mark": {"type": "text", "align": "left", "dx": 3},
                "encoding": {"y": y, "x": x, "text": {"field": "told", "type": "nominal"}},
            },
        ],
    }
    return svg(150, 17 * len(names), (145, 48, 2, 2), spec)


def shares(rows: Mapping[str, float]) -> str:
    """Horizontal bars of shares from 0 to 1."""
    values = [
        {"name": name, "share": share, "told": f"{share:.0%}"}
        for name, share in zip(shortened([*rows], 24), rows.values(), strict=True)
    ]
    y = {"field": "name", "type": "nominal", "sort": None}
    x = {"field": "share", "type": "quantitative", "axis": None, "scale": {"domain": [0, 1]}}
    spec = {
        "data": {"values": values},
        "encoding": {"y": y, "x": x},
        "layer": [
            {"mark": {"type": "bar", "color": _INK}},
            {
                "mark": {"type": "text", "align": "left", "dx": 3},
                "encoding": {"text": {"field": "told", "type": "nominal"}},
            },
        ],
    }
    return svg(140, 17 * len(values), (160, 42, 2, 2), spec)


def heat(labels: Sequence[str], near: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """The scores between labels: rows are asked about, columns are their neighbours.

    A link made by hand, or by a peer, has no score: it is drawn like the strongest.
    """
    short = dict(zip(labels, shortened(labels, 20), strict=True))
    scores = [n["score"] for own in near.values() for n in own if n["score"] is not None]
    top = max(scores, default=1)
    values = [
        {
            "label": short[label],
            "near": short[n["label"]],
            "score": top if n["score"] is None else n["score"],
        }
        for label in labels
        for n in near.get(label, ())
        if n["label"] in short
    ]
    order = [*short.values()]
    side = 15 * len(order)
    axis = {"orient": "top", "labelAngle": -60, "labelAlign": "left"}
    scale = {"domain": order}
    x = {"field": "near", "type": "nominal", "scale": scale, "axis": axis}
    y = {"field": "label", "type": "nominal", "scale": scale, "axis": {}}
    shade = {
        "field": "score",
        "type": "quantitative",
        "scale": {"domain": [0, top], "range": [0.08, 1]},
    }
    spec = {
        "data": {"values": values},
        "mark": {"type": "rect", "color": _INK},
        "encoding": {"x": x, "y": y, "fillOpacity": shade},
    }
    return svg(side, side, (135, 62, 112, 4), spec)
