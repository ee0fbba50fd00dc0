"""The charts of the audit page: SVG, drawn from figures.

Nothing is measured from text: names are cut by their width in columns, so that no byte depends
on a font of the machine. Text has the page's color, for light and dark alike. A `<title>` says in
full what was cut, and the figure behind a mark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from markupsafe import Markup, escape
from rich.cells import cell_len, set_cell_size

from pipeline.report.figures import LENGTHS, MANY
from pipeline.text import drawn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

INK: Final = "#4c78a8"
#: Colors that stay apart on white and on black, for the reasons in their order.
PALETTE: Final = (
    "#e45756", "#f58518", "#eeca3b", "#54a24b", "#72b7b2", "#4c78a8", "#b279a2", "#ff9da6",
    "#9d755d", "#bab0ac",
)  # fmt: skip
#: Pixels: a bar with its gap, the names left of bars, the longest bar, the figures right of it.
_BAR: Final = 17
_NAMES: Final = 165
_LONGEST: Final = 130
_TOLD: Final = 50
#: Columns of text that have room for a name beside a bar, and beside a heat map.
_NAME: Final = 24
_HEAT_NAME: Final = 20
_COLUMN: Final = 40
_COLUMN_HEIGHT: Final = 110
_CELL: Final = 15


class Bar(NamedTuple):
    """A horizontal bar: its name, what is told at its end, and its parts from left to right."""

    name: str
    told: str
    #: (value, color, what the part is, where its name and what is told do not say it)
    parts: Sequence[tuple[float, str, str]]


def bars(caption: str, rows: Sequence[Bar], most: float) -> Markup:
    """Horizontal bars in the order given; one of the value `most` is the longest there can be."""
    marks = []
    for number, row in enumerate(rows):
        x, y = float(_NAMES), _BAR * number
        marks.append(_text(_NAMES - 4, y + 12, row.name, _NAME, "end"))
        for value, color, about in row.parts:
            width = _LONGEST * value / most
            marks.append(
                _rect(x, y + 1, width, _BAR - 2, about, "" if color == INK else f'fill="{color}"')
            )
            x += width
        marks.append(_text(x + 3, y + 12, row.told))
    return _svg(caption, _NAMES + _LONGEST + _TOLD, _BAR * len(rows), marks)


def counted(caption: str, counts: Sequence[tuple[str, int]]) -> Markup:
    """A bar for every (name, count)."""
    rows = [Bar(name, f"{n:,}", [(n, INK, "")]) for name, n in counts]
    return bars(caption, rows, max((n for _, n in counts), default=0) or 1)


def lengths(caption: str, counts: Sequence[int]) -> Markup:
    """Records by the length of their text."""
    used = [i for i, n in enumerate(counts) if n] or [0]
    names = [f"{n / 1000:g}k+" if n >= 1000 else f"{n}+" for n in LENGTHS]
    part = slice(used[0], used[-1] + 1)
    return _columns(caption, names[part], counts[part])


def positives(caption: str, counts: Sequence[int]) -> Markup:
    """Records by the number of their positive labels."""
    last = max((i for i, n in enumerate(counts) if n), default=0)
    names = [*map(str, range(MANY)), f"{MANY}+"]
    return _columns(caption, names[: last + 1], counts[: last + 1])


def _columns(caption: str, names: Sequence[str], counts: Sequence[int]) -> Markup:
    """A histogram whose names are short."""
    total, most = sum(counts) or 1, max(counts) or 1
    marks = []
    for number, (name, n) in enumerate(zip(names, counts, strict=True)):
        x, height = 4 + _COLUMN * number, _COLUMN_HEIGHT * n / most
        top = 18 + _COLUMN_HEIGHT - height
        marks.append(_rect(x + 1, top, _COLUMN - 2, height, f"{name}: {n:,}"))
        if n * 200 >= total:
            marks.append(_text(x + _COLUMN / 2, top - 3, f"{n / total:.0%}", anchor="middle"))
        marks.append(_text(x + _COLUMN / 2, _COLUMN_HEIGHT + 33, name, anchor="middle"))
    width = 8 + _COLUMN * max(len(names), 2)
    return _svg(caption, width, _COLUMN_HEIGHT + 38, marks)


def heat(
    caption: str, labels: Sequence[str], near: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Markup:
    """The scores between labels: rows are asked about, columns are their neighbors.

    A link made by hand, or imported, has no score: it is drawn like the strongest.
    """
    scores = [n["score"] for own in near.values() for n in own if n["score"] is not None]
    top = max([*scores, 0]) or 1
    place = {label: number for number, label in enumerate(labels)}
    left, above, side = 138, 118, _CELL * len(labels)
    marks = []
    cells: dict[str, list[str]] = {label: [] for label in labels}
    for label, number in place.items():
        across, down = _CELL * number + left, _CELL * number + above
        marks.append(_text(left - 4, down + 11, label, _HEAT_NAME, "end"))
        turned = f'transform="translate({across + 9},{above - 5})rotate(-60)"'
        marks.append(_text(0, 0, label, _HEAT_NAME, more=turned))
        for n in near.get(label, ()):
            if n["label"] in place:
                score = top if n["score"] is None else max(n["score"], 0)
                x = left + _CELL * place[n["label"]]
                shade = f'opacity="{0.08 + 0.92 * score / top:.2g}"'
                cells[n["label"]].append(_rect(x, down, _CELL, _CELL, paint=shade))
    marks += [f"<g>{_title(label)}{''.join(own)}</g>" for label, own in cells.items() if own]
    return _svg(caption, left + side + 70, above + side + 4, marks)


def _svg(caption: str, width: float, height: float, marks: Iterable[str]) -> Markup:
    start = f'<svg role="img" aria-label="{escape(caption)}" width="{width:g}" height="{height:g}"'
    return Markup(f'{start} fill="{INK}">{"".join(marks)}</svg>')  # noqa: S704


def _title(about: str) -> str:
    return f"<title>{escape(drawn(about))}</title>" if about else ""


def _rect(x: float, y: float, width: float, height: float, about: str = "", paint: str = "") -> str:
    place = f'x="{x:.5g}" y="{y:.5g}" width="{width:.5g}" height="{height:.5g}"'
    opened = f"<rect {place}{paint and ' '}{paint}"
    return f"{opened}>{_title(about)}</rect>" if about else f"{opened}/>"


def _text(
    x: float, y: float, text: str, columns: int | None = None, anchor: str = "", more: str = ""
) -> str:
    """A text that begins, is centered or ends at x, or is placed by `more`; cut to `columns`."""
    whole = drawn(text)
    short = whole if columns is None else cut(whole, columns)
    place = more or f'x="{x:.5g}" y="{y:.5g}"'
    if anchor:
        place += f' text-anchor="{anchor}"'
    return f"<text {place}>{'' if short == whole else _title(whole)}{escape(short)}</text>"


def cut(name: str, columns: int) -> str:
    """The name in at most so many columns, of which Chinese characters take two.

    The middle is left out: long names often begin alike. Capitals are wider than other letters.
    """
    if name.isupper():
        columns = columns * 3 // 4
    if cell_len(name) <= columns:
        return name
    tail = (columns - 1) // 3
    head = set_cell_size(name, columns - 1 - tail).rstrip()
    return f"{head}…{set_cell_size(name[::-1], tail)[::-1].lstrip()}"
