"""Real rows for people: a few kept, dropped and rejected ones per dataset and reason, by hash.

Which rows are shown depends on their ids alone, so that the same rows come out of any number of
shards and workers. Of each only an excerpt is held, with its annotations marked.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import hashing
from pipeline.dedupe.tags import record_shards, tagged
from pipeline.execution import engines, shards
from pipeline.records import place
from pipeline.report import marks
from pipeline.tables import RECORDS, REJECTS, from_table

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset
    from pipeline.execution.engines import Workers

#: Relations and events that are listed below an excerpt, and the characters of each.
_FACTS: Final = 6
_FACT_LENGTH: Final = 160
_REJECT_LENGTH: Final = 420
#: About how many bytes of markup a row takes on the page.
_MARKUP: Final = 200

#: Reason ("" is kept) -> its rows of least hash, as (hash, id, row).
Groups = dict[str, list[tuple[int, str, dict[str, Any]]]]


def choose(groups: Groups, table: Any, most: int) -> None:
    """Keep in `groups` at most `most` rows per reason, those with the least hash of their ids."""
    for reason, rows in _least(table, pc.fill_null(table["dropped"], ""), "id", most):
        groups[reason] = sorted([*groups.get(reason, []), *rows], key=lambda row: row[:2])[:most]


def chosen(dataset: Dataset, groups: Groups, normalized: Path, most: int) -> list[dict[str, Any]]:
    """The rows to show: dropped ones, rejected ones, kept ones.

    `normalized` is the dataset's folder of the first stage.
    """
    dropped = [row for reason in sorted(groups) if reason for *_, row in groups[reason]]
    kept = [row for *_, row in groups.get("", ())]
    return [*map(shown, dropped), *_rejected(dataset, normalized, most), *map(shown, kept)]


def _least(
    table: Any, reasons: Any, name: str, most: int
) -> Iterator[tuple[str, list[tuple[int, str, dict[str, Any]]]]]:
    """Reason -> its `most` rows of least hash, as (hash, name, row)."""
    hashes = pa.array(hashing.mix64(hashing.hashes(table[name].to_pylist())))
    order = pa.table({"reason": reasons, "hash": hashes, "name": table[name]})
    for reason in sorted(pc.unique(order["reason"]).to_pylist()):
        rows = pc.indices_nonzero(pc.equal(order["reason"], reason))
        by_hash = [("hash", "ascending"), ("name", "ascending")]
        least = rows.take(pc.sort_indices(order.take(rows), by_hash)[:most])
        columns = (hashes, table[name], table)
        yield reason, [*zip(*(c.take(least).to_pylist() for c in columns), strict=True)]


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
            "detail": marks.cut(row["detail"], _FACT_LENGTH),
            "pieces": [("text", marks.cut(row["excerpt"], _REJECT_LENGTH))],
            "facts": [],
            "more": [],
        }
        for reason, rows in _least(table, table["reason"], "name", most)
        for *_, row in rows
    ]


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows of a row of RECORDS."""
    (record,) = from_table(pa.Table.from_pylist([row], schema=RECORDS))
    pieces, more = marks.excerpt(record.text, marks.spans(record))
    facts = [(label, marks.cut(words, _FACT_LENGTH)) for label, words in marks.facts(record)]
    if len(facts) > _FACTS:
        more.append(f"{len(facts) - _FACTS:,} more annotations")
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


def few(rows: Sequence[dict[str, Any]], most_bytes: int) -> tuple[list[dict[str, Any]], int]:
    """(rows, how many per dataset and outcome): the first of each kind, as many as have room."""
    rows_of_kind: Counter[tuple[str, str]] = Counter()
    bytes_at: Counter[int] = Counter()
    places = []
    for row in rows:
        kind = (row["dataset"], row["outcome"])
        rows_of_kind[kind] += 1
        places.append(rows_of_kind[kind])
        bytes_at[places[-1]] += len(orjson.dumps(row)) + _MARKUP
    most = max(places, default=1)
    while most > 1 and sum(bytes_at[n + 1] for n in range(most)) > most_bytes:
        most -= 1
    return [row for row, n in zip(rows, places, strict=True) if n <= most], most


def with_partners(
    rows: Sequence[dict[str, Any]],
    folders: Mapping[str, Path],
    known: Container[str],
    workers: Workers | int,
) -> list[dict[str, Any]]:
    """The rows, with the record that a dropped row lost against as its `partner`."""
    ids_by_dataset: dict[str, list[str]] = {}
    for partner in sorted({row["partner_id"] for row in rows if row.get("partner_id")}):
        if (dataset := place(partner)[0]) in known:
            ids_by_dataset.setdefault(dataset, []).append(partner)
    find = partial(_partners, folders=folders)
    found = engines.run(find, [*ids_by_dataset.values()], workers, itemgetter(0))
    partners = {row["id"]: row for some in found for row in some}
    return [{**row, "partner": partners.get(row.get("partner_id"))} for row in rows]


def _partners(ids: Sequence[str], folders: Mapping[str, Path]) -> list[dict[str, Any]]:
    return [shown(row) for row in records(ids, folders)]


def records(ids: Sequence[str], folders: Mapping[str, Path]) -> Iterator[dict[str, Any]]:
    """The rows of RECORDS with these ids, with what dedupe says of them."""
    wanted = pa.array(ids, pa.string())
    for dataset, split in sorted({place(identifier)[:2] for identifier in ids}):
        for _, path in record_shards(folders["clean"] / dataset, [split]):
            if pc.any(pc.is_in(shards.read(path, ["id"])["id"], value_set=wanted)).as_py():
                table = tagged(path, folders["dedupe"] / dataset)
                yield from table.filter(pc.is_in(table["id"], value_set=wanted)).to_pylist()
