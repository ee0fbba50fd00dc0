"""Real rows for people: a few kept, dropped and rejected ones per dataset and reason, by hash.

Which rows are shown depends on their ids alone, so that the same rows come out of any number of
shards and workers. Of each only an excerpt is held, with its annotations marked.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import hashing
from pipeline.dedupe.tags import record_shards, tagged
from pipeline.execution import engines, shards
from pipeline.records import place
from pipeline.tables import REJECTS

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset
    from pipeline.execution.engines import Workers

#: An excerpt's characters, those before its first annotation, and the facts told below it.
_LENGTH: Final = 420
_BEFORE: Final = 80
_FACTS: Final = 6
_FACT_LENGTH: Final = 160

#: A piece of a marked text: ("text", string), ("open", label or None) or ("close", label or None).
Piece = tuple[str, str | None]


#: Reason ("" is kept) -> its rows of least hash, as (hash, id, row).
Groups = dict[str, list[tuple[int, str, dict[str, Any]]]]


def choose(groups: Groups, table: Any, most: int) -> None:
    """Keep in `groups` at most `most` rows per reason, those with the least hash of their ids."""
    for reason, rows in _least(table, pc.fill_null(table["dropped"], ""), "id", most):
        groups[reason] = sorted([*groups.get(reason, []), *rows], key=_key)[:most]


def chosen(dataset: Dataset, groups: Groups, normalized: Path, most: int) -> list[dict[str, Any]]:
    """The rows to show: the chosen ones, dropped before kept, and between them what was rejected.

    `normalized` is the dataset's folder of the first stage.
    """
    kept = [row_of(row) for _, _, row in groups.get("", ())]
    dropped = [row_of(row) for reason in sorted(groups) if reason for *_, row in groups[reason]]
    return [*dropped, *_rejected(dataset, normalized, most), *kept]


def _key(entry: tuple[int, str, dict[str, Any]]) -> tuple[int, str]:
    return entry[:2]


def _least(
    table: Any, reasons: Any, name: str, most: int
) -> Iterator[tuple[str, list[tuple[int, str, dict[str, Any]]]]]:
    """Reason -> its `most` rows of least hash, as (hash, name, row)."""
    place = pa.array(hashing.mix64(hashing.hashes(table[name].to_pylist())))
    order = pa.table({"reason": reasons, "place": place, "name": table[name]})
    for reason in sorted(pc.unique(order["reason"]).to_pylist()):
        rows = pc.indices_nonzero(pc.equal(order["reason"], reason))
        own = order.take(rows)
        least = pc.sort_indices(own, [("place", "ascending"), ("name", "ascending")])[:most]
        at = rows.take(least)
        yield (
            reason,
            [
                (*head, row)
                for *head, row in zip(
                    place.take(at).to_pylist(),
                    table[name].take(at).to_pylist(),
                    table.take(at).to_pylist(),
                    strict=True,
                )
            ],
        )


def _rejected(dataset: Dataset, folder: Path, most: int) -> list[dict[str, Any]]:
    """Pieces of raw files that became no record, or lost annotations on the way to one."""
    table = shards.read(folder / "rejects.parquet", REJECTS.names)
    name = pc.binary_join_element_wise(table["origin"], table["reason"], table["detail"], " ")
    table = table.append_column("name", name)
    return [
        {
            "id": row["origin"],
            "dataset": dataset.id,
            "split": row["split"],
            "language": dataset.language,
            "status": "rejected",
            "outcome": f"rejected: {reason}",
            "detail": _cut(row["detail"], _FACT_LENGTH),
            "pieces": [("text", _cut(row["excerpt"], _LENGTH))] if row["excerpt"] else [],
            "facts": [],
            "more": [],
        }
        for reason, rows in _least(table, table["reason"], "name", most)
        for _, _, row in rows
    ]


def few(rows: Sequence[dict[str, Any]], most_bytes: int) -> tuple[list[dict[str, Any]], int]:
    """(rows, how many per dataset and outcome): the first of each kind, as many as have room."""
    place: Counter[tuple[str, str]] = Counter()
    places = []
    for row in rows:
        kind = (row["dataset"], row["outcome"])
        place[kind] += 1
        places.append(place[kind])
    sizes = [_size(row) for row in rows]
    most = max(places, default=1)
    while most > 1 and sum(s for s, p in zip(sizes, places, strict=True) if p <= most) > most_bytes:
        most -= 1
    return [row for row, p in zip(rows, places, strict=True) if p <= most], most


def _size(row: Mapping[str, Any] | None) -> int:
    """About how many bytes a row takes on the page, its partner included."""
    if row is None:
        return 0
    told = [*(value or "" for _, value in row["pieces"]), row["id"], row["detail"], *row["more"]]
    told += [f"{fact['label']} {fact['text']}" for fact in row["facts"]]
    return 300 + sum(len(text.encode()) + 20 for text in told) + _size(row.get("partner"))


def with_partners(
    rows: Sequence[dict[str, Any]],
    folders: Mapping[str, Path],
    known: Container[str],
    workers: Workers | int,
) -> list[dict[str, Any]]:
    """The rows, with the record that a dropped row lost against as its `partner`."""
    wanted: dict[str, set[str]] = {}
    for row in rows:
        identifier = row.get("partner_id")
        if identifier and (dataset := place(identifier)[0]) in known:
            wanted.setdefault(dataset, set()).add(identifier)
    jobs = [(name, frozenset(ids)) for name, ids in sorted(wanted.items())]
    partners: dict[str | None, Any] = {}
    for own in engines.run(partial(_partners, folders=folders), jobs, workers):
        partners.update(own)
    return [{**row, "partner": partners.get(row.get("partner_id"))} for row in rows]


def _partners(job: tuple[str, Collection[str]], folders: Mapping[str, Path]) -> dict[str, Any]:
    """The records of one dataset with these ids, as rows to show."""
    name, ids = job
    wanted = pa.array(sorted(ids), pa.string())
    found = {}
    for _, path in record_shards(folders["clean"] / name, sorted({place(i)[1] for i in ids})):
        if not pc.any(pc.is_in(shards.read(path, ["id"])["id"], value_set=wanted)).as_py():
            continue
        table = tagged(path, folders["dedupe"] / name)
        for row in table.filter(pc.is_in(table["id"], value_set=wanted)).to_pylist():
            found[row["id"]] = row_of(row)
    return found


def row_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What is shown of a row of RECORDS."""
    pieces, more = marked(row["text"], _named(row))
    facts = [*_facts(row)]
    if len(facts) > _FACTS:
        more.append(f"{len(facts) - _FACTS:,} more relations or events")
    return {
        "id": row["id"],
        "dataset": row["dataset"],
        "split": row["split"],
        "language": row["language"],
        "status": "dropped" if row["dropped"] else "kept",
        "outcome": f"dropped: {row['dropped']}" if row["dropped"] else "kept",
        "detail": row["drop_detail"] or row["drop_partner"] or "",
        "partner_id": row["drop_partner"],
        "pieces": pieces,
        "facts": facts[:_FACTS],
        "more": more,
    }


def _named(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The mentions, those without a label named after the event or the role that they fill."""
    names: dict[int, str] = {}
    for event in row["events"]:
        if event["trigger"] is not None:
            names.setdefault(event["trigger"], event["label"])
        for argument in event["arguments"]:
            names.setdefault(argument["mention"], argument["role"])
    return [{**m, "label": m["label"] or names.get(i)} for i, m in enumerate(row["mentions"])]


def marked(text: str, mentions: Iterable[Mapping[str, Any]]) -> tuple[list[Piece], list[str]]:
    """(an excerpt of the text with its mentions marked, what could not be shown in it).

    Marks nest. A mention that crosses another's border, has no offsets or lies outside the excerpt
    is told in words instead.
    """
    spans = {(m["start"], m["end"], m["label"]) for m in mentions if m["start"] is not None}
    named = {span[:2] for span in spans if span[2] is not None}
    spans -= {(*place, None) for place in named}
    first, last = _window(text, [span[:2] for span in spans])
    inside = sorted(
        (s for s in spans if first <= s[0] and s[1] <= last),
        key=lambda s: (s[0], -s[1], s[2] or ""),
    )
    pieces: list[Piece] = [("text", "…")] if first else []
    open_spans: list[tuple[int, str | None]] = []
    at, crossing = first, []

    def advance(to: int) -> None:
        nonlocal at
        if to > at:
            pieces.append(("text", text[at:to]))
            at = to

    def close(until: int) -> None:
        while open_spans and open_spans[-1][0] <= until:
            end, label = open_spans.pop()
            advance(end)
            pieces.append(("close", label))

    for start, end, label in inside:
        close(start)
        if open_spans and end > open_spans[-1][0]:
            crossing.append(f"{label or 'mention'}: {_cut(text[start:end], 60)}")
            continue
        advance(start)
        pieces.append(("open", label))
        open_spans.append((end, label))
    close(last)
    advance(last)
    more = [f"crosses another mention: {entry}" for entry in crossing[:_FACTS]]
    loose = [m for m in mentions if m["start"] is None]
    more += [
        f"without a place in the text: {m['label'] or 'mention'}: {_cut(m['text'], 60)}"
        for m in loose[:_FACTS]
    ]
    if last < len(text):
        pieces.append(("text", "…"))
    if hidden := first + len(text) - last:
        more.append(f"{hidden:,} more characters, {len(spans) - len(inside):,} more mentions")
    return pieces, more


def _window(text: str, spans: list[tuple[int, int]]) -> tuple[int, int]:
    """The excerpt of a long text: where its annotations begin, and whole mentions at its end."""
    if len(text) <= _LENGTH:
        return 0, len(text)
    first = max(0, min((start for start, _ in spans), default=0) - _BEFORE)
    last = first + _LENGTH
    torn = [end for start, end in spans if start < last < end <= last + _BEFORE]
    return first, min(max(torn, default=last), len(text))


def _facts(row: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Relations and events in words."""
    texts = [_cut(m["text"], 60) for m in row["mentions"]]
    for r in row["relations"]:
        # The mark keeps the head left of the arrow where both are written from right to left.
        yield {"label": r["label"], "text": f"{texts[r['head']]} \u200e→ {texts[r['tail']]}"}
    for e in row["events"]:
        trigger = "" if e["trigger"] is None else texts[e["trigger"]]
        slots = ", ".join(f"{a['role']}: {texts[a['mention']]}" for a in e["arguments"])
        told = " · ".join(part for part in (trigger, slots) if part)
        yield {"label": e["label"], "text": _cut(told, _FACT_LENGTH)}


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
