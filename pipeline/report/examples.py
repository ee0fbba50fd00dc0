"""Rows for people: a few kept, dropped and rejected ones per dataset and reason, by hash.

The choice depends only on the ids of the rows, so it is the same for any number of shards and
workers. Only an excerpt of each row is kept.
Its annotations are spans to mark in the text, and facts in words: the page and `iepile show` both
show them, each in its own form.
"""

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import hashing
from pipeline.catalog import Dataset
from pipeline.dedupe.tags import tagged
from pipeline.execution import engines, shards
from pipeline.execution.engines import Workers
from pipeline.records import Argument, Record, place
from pipeline.tables import RECORDS, REJECTS, from_table

#: Characters of an excerpt, and how many of them come before its first annotation.
_EXCERPT: Final = 420
_BEFORE: Final = 80


class Span(NamedTuple):
    """A marked stretch of text, in characters."""

    start: int
    end: int
    label: str


def spans(record: Record) -> list[Span]:
    """The spans to mark: entities, triggers, arguments, heads and tails, in text order."""
    labels: list[dict[str, None]] = [{} for _ in record.mentions]
    for i, mention in enumerate(record.mentions):
        if mention.label is not None:
            labels[i][mention.label] = None
    for event in record.events:
        if event.trigger is not None:
            labels[event.trigger][f"trigger of {event.label}"] = None
    for event in record.events:
        for argument in event.arguments:
            labels[argument.mention][argument.role] = None
    for relation in record.relations:
        for mention_index, name in ((relation.head, "head"), (relation.tail, "tail")):
            if not labels[mention_index]:
                labels[mention_index][name] = None
    marked = {
        Span(mention.start, mention.end, ", ".join(labels[i]))
        for i, mention in enumerate(record.mentions)
        if mention.start is not None and mention.end is not None
    }
    return sorted(marked, key=lambda span: (span.start, -span.end, span.label))


def facts(record: Record) -> Iterator[tuple[str, str]]:
    """(label, words) of entities that have no place in the text, of relations and of events."""
    texts = [mention.text for mention in record.mentions]
    for mention in record.mentions:
        if mention.start is None and mention.label is not None:
            where = "several places" if record.text.count(mention.text) > 1 else "no place"
            yield mention.label, f"{mention.text} ({where} in the text)"
    for r in record.relations:
        yield r.label, f"{texts[r.head]} → {texts[r.tail]}{_slots(r.qualifiers, texts)}"
    for e in record.events:
        trigger = "" if e.trigger is None else texts[e.trigger]
        yield e.label, (trigger + _slots(e.arguments, texts)).removeprefix("; ")


def _slots(slots: Sequence[Argument], texts: Sequence[str]) -> str:
    return "".join(f"; {slot.role}: {texts[slot.mention]}" for slot in slots)


def excerpt(text: str, spans: Sequence[Span]) -> tuple[str, list[Span], list[str]]:
    """(excerpt of the text, the spans in it, a note on omitted parts); `spans` in text order."""
    first, last = _window(text, spans)
    before, after = "…" if first else "", "…" if last < len(text) else ""
    shift = len(before) - first
    inside = [
        Span(span.start + shift, span.end + shift, span.label)
        for span in spans
        if first <= span.start and span.end <= last
    ]
    left_out = len(spans) - len(inside)
    hidden = first + len(text) - last
    omitted = [f"{hidden:,} more characters, {left_out:,} more mentions"] if hidden else []
    return before + text[first:last] + after, inside, omitted


def _window(text: str, spans: Sequence[Span]) -> tuple[int, int]:
    """(start, end) of an excerpt that begins before the first span, with whole spans at its end."""
    if len(text) <= _EXCERPT:
        return 0, len(text)
    first = max(0, min((span.start for span in spans), default=0) - _BEFORE)
    last = first + _EXCERPT
    torn = [span.end for span in spans if span.start < last < span.end <= last + _BEFORE]
    return first, min(max(torn, default=last), len(text))


def cut(text: str, length: int) -> str:
    """The text, or its beginning, in at most `length` characters."""
    return text if len(text) <= length else text[: length - 1] + "…"


#: Relations and events that are listed below an excerpt, and the characters of each.
_FACTS: Final = 6
_FACT_LENGTH: Final = 160
_REJECT_LENGTH: Final = 420

#: Reason -> its rows with the least hashes, as (hash, name, row).
Groups = dict[str, list[tuple[int, str, dict[str, Any]]]]


def choose(groups: Groups, table: Any, reasons: Any, name: str, most: int) -> None:
    """Keep in `groups` at most `most` rows per reason: those with the least hash of their names.

    `reasons` has one reason per row; null counts as "". `name` is the column that holds the names.
    """
    reasons = pc.fill_null(reasons, "")
    hashes = pa.array(hashing.mix64(hashing.hashes(table[name].to_pylist())))
    order = pa.table({"hash": hashes, "name": table[name]})
    by_hash = [("hash", "ascending"), ("name", "ascending")]
    for reason in pc.unique(reasons).to_pylist():
        rows = pc.indices_nonzero(pc.equal(reasons, reason))
        least = rows.take(pc.sort_indices(order.take(rows), by_hash)[:most])
        columns = (hashes, table[name], table)
        fresh = zip(*(c.take(least).to_pylist() for c in columns), strict=True)
        groups[reason] = sorted([*groups.get(reason, []), *fresh], key=lambda row: row[:2])[:most]


def chosen(dataset: Dataset, groups: Groups, normalized: Path, most: int) -> list[dict[str, Any]]:
    """The rows to show: dropped ones, rejected ones, kept ones.

    `normalized` is the dataset's folder of the first stage.
    """
    dropped = [row for reason in sorted(groups) if reason for *_, row in groups[reason]]
    kept = [row for *_, row in groups.get("", ())]
    return [*map(shown, dropped), *_rejected(dataset, normalized, most), *map(shown, kept)]


def _rejected(dataset: Dataset, folder: Path, most: int) -> list[dict[str, Any]]:
    """Pieces of raw files that did not become a record, or lost annotations when they did."""
    table = shards.read(folder / "rejects.parquet", REJECTS.names)
    name = pc.binary_join_element_wise(table["origin"], table["reason"], table["detail"], " ")
    groups: Groups = {}
    choose(groups, table.append_column("name", name), table["reason"], "name", most)
    return [
        {
            "id": row["origin"],
            "dataset": dataset.id,
            "split": row["split"],
            "language": dataset.language,
            "outcome": f"rejected: {reason}",
            "detail": cut(row["detail"], _FACT_LENGTH),
            "text": cut(row["excerpt"], _REJECT_LENGTH),
            "spans": [],
            "facts": [],
        }
        for reason in sorted(groups)
        for *_, row in groups[reason]
    ]


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """The data that the page shows of a row of RECORDS."""
    (record,) = from_table(pa.Table.from_pylist([row], schema=RECORDS))
    text, marked, hidden = excerpt(record.text, spans(record))
    listed = [f"{label}: {cut(words, _FACT_LENGTH)}" for label, words in facts(record)]
    not_listed = [f"{len(listed) - _FACTS:,} more annotations"] if len(listed) > _FACTS else []
    return {
        "id": row["id"],
        "dataset": row["dataset"],
        "split": row["split"],
        "language": row["language"],
        "outcome": f"dropped: {row['dropped']}" if row["dropped"] else "kept",
        "detail": row["drop_detail"] or "",
        "partner_id": row["drop_partner"],
        "text": text,
        "spans": [[*span] for span in marked],
        "facts": [*listed[:_FACTS], *not_listed, *hidden],
    }


def few(
    rows: Sequence[Mapping[str, Any]], kind: Sequence[str], most_bytes: int
) -> tuple[list[Mapping[str, Any]], int]:
    """(rows in their order, most rows of one kind): as many of each kind as fit in `most_bytes`.

    Rows with the same values of the keys `kind` are of one kind. First every kind gets its first
    row, then its second, and so on; within a round, hashes decide the order.
    """
    rows_of_kind: Counter[tuple[Any, ...]] = Counter()
    turns = []
    hashes = hashing.hashes([row["id"] for row in rows]).tolist()
    for i, row in enumerate(rows):
        kind_of_row = tuple(row[key] for key in kind)
        rows_of_kind[kind_of_row] += 1
        turns.append((rows_of_kind[kind_of_row], hashes[i], i))
    chosen = {}
    for turn, _, i in sorted(turns):
        most_bytes -= len(orjson.dumps(rows[i]))
        if most_bytes < 0:
            break
        chosen[i] = turn
    return [rows[i] for i in sorted(chosen)], max(chosen.values(), default=0)


def with_partners(
    rows: Sequence[dict[str, Any]],
    near: Mapping[str, Any] | None,
    folders: Mapping[str, Path],
    known: Container[str],
    workers: Workers | int,
) -> list[dict[str, Any]]:
    """The rows, and the pairs of near-duplicates, each with its `partner`.

    That is the record for which it was dropped, or that it resembles. `near` is
    near_duplicates.json, or None where dedupe wrote none.
    """
    pairs = [pair for entry in (near or {"pairs": []})["pairs"] for pair in entry["examples"]]
    wanted = {row["partner_id"] for row in rows if row.get("partner_id")}
    wanted |= {pair[end] for pair in pairs for end in ("id", "partner")}
    ids_by_dataset: dict[str, list[str]] = {}
    for identifier in sorted(wanted):
        dataset, *rest = identifier.split("/")
        # The partner of a shared passage is a whole test, or a file, and no record.
        if dataset in known and len(rest) == 2:
            ids_by_dataset.setdefault(dataset, []).append(identifier)
    find = partial(_by_id, folders=folders)
    rows_by_dataset = engines.run(find, [*ids_by_dataset.values()], workers, itemgetter(0))
    by_id = {row["id"]: row for records_of_dataset in rows_by_dataset for row in records_of_dataset}
    alike = [
        {
            **by_id[pair["id"]],
            "outcome": "near-duplicate",
            "detail": f"similarity {pair['similarity']}; {by_id[pair['id']]['outcome']}",
            "partner_id": pair["partner"],
        }
        for pair in pairs
        if pair["id"] in by_id
    ]
    return [{**row, "partner": by_id.get(row.get("partner_id"))} for row in [*rows, *alike]]


def _by_id(ids: Sequence[str], folders: Mapping[str, Path]) -> list[dict[str, Any]]:
    return [shown(row) for row in records(ids, folders)]


def records(ids: Sequence[str], folders: Mapping[str, Path]) -> Iterator[dict[str, Any]]:
    """The rows of RECORDS with these ids, with the tags of dedupe."""
    wanted = pa.array(ids, pa.string())
    for dataset, split in sorted({place(identifier)[:2] for identifier in ids}):
        for _, path in shards.record_shards(folders["clean"] / dataset, [split]):
            if pc.any(pc.is_in(shards.read(path, ["id"])["id"], value_set=wanted)).as_py():
                table = tagged(path, folders["dedupe"] / dataset)
                yield from table.filter(pc.is_in(table["id"], value_set=wanted)).to_pylist()
