"""Stage 7: report the fate of every record, from the shards, for programs and for people.

    counts.json           per dataset and split: rows read, rejected, merged, dropped by each
                          reason and kept; annotations; the instructions of every task; how
                          far the labels asked give the answer away; the datasets whose texts
                          are invented; how much the records chosen for a budget cover
    labels.json           label names that mean the same, and names that mean two things
    metrics/<id>.json     one dataset on one line of `dvc metrics show`; total.json sums them up
    plots/*.csv           the data of the plots that dvc.yaml declares
    index.html            the audit page: all of this, and rows to read, in one file

The sums are checked: a record that is not accounted for is an error. Shards are read one at a time.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow.compute as pc

from pipeline.catalog import Dataset, editions
from pipeline.dedupe.tags import count, tagged
from pipeline.errors import CountError
from pipeline.execution import engines, shards
from pipeline.execution.engines import Workers
from pipeline.execution.freshness import building
from pipeline.negatives import atlas, interchange
from pipeline.negatives.overrides import Pair
from pipeline.report import asked, examples, figures, leak, page
from pipeline.text import drawn

#: The beginnings of cells that a spreadsheet would calculate.
_FORMULA: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


class Measured(NamedTuple):
    """The report on one dataset."""

    counts: dict[str, Any]
    figures: dict[str, Any]
    near: dict[str, Any]
    rows: list[dict[str, Any]]
    instructions: list[dict[str, Any]]
    labels: atlas.Labels


def report(
    datasets: Sequence[Dataset],
    folders: Mapping[str, Path],
    out: Path,
    skipped: Iterable[tuple[str, str]] = (),
    workers: Workers | int = 1,
    made: Mapping[str, str] = {},
    pairs: Sequence[Pair] = (),
) -> dict[str, Any]:
    """Write the report into the folder `out`; `folders` maps each stage to its output.

    `skipped` lists datasets left out, with the reason; `made` says how the corpus was made
    (code, parameters); `pairs` lists labels that were joined or separated by hand. Raises
    CountError where records are lost.
    """
    datasets = sorted(datasets, key=lambda d: d.id)
    results = engines.run(partial(_measure, folders=folders), datasets, workers, attrgetter("id"))
    tell = workers.tell if isinstance(workers, engines.Workers) else None
    measured: dict[str, Measured] = {}
    for dataset, result in zip(datasets, results, strict=True):
        measured[dataset.id] = result
        if tell:
            done, total = len(measured), len(datasets)
            tell(done, total, f"{done} of {total} datasets" if total > 1 else "")
    counts = {
        "datasets": {name: dataset.counts for name, dataset in measured.items()},
        "edition": editions.used(measured, folders["normalize"]),
        "skipped": dict(skipped),
        "budget": _budget(folders["instruct"], measured),
    }
    totals = figures.totals(counts)
    # What dedupe reported, as far as the parameters asked for it.
    reports = {name: folders["dedupe"] / f"{name}.json" for name in ("near_duplicates", "overlap")}
    deduped = {n: shards.read_json(p, "pairs") for n, p in reports.items() if p.exists()}
    rows = [row for dataset in measured.values() for row in dataset.rows]
    near = deduped.get("near_duplicates")
    rows = examples.with_partners(rows, near, folders, measured, workers)
    label_map = atlas.compared({name: result.labels for name, result in measured.items()}, pairs)
    figures_by_dataset = {name: dataset.figures for name, dataset in measured.items()}
    with building(out) as folder:
        shards.write_json(counts, folder / "counts.json")
        shards.write_json(label_map, folder / "labels.json")
        for name, total in totals.items():
            path = folder / "metrics" / f"{name}.json" if name else folder / "total.json"
            shards.write_json(total, path)
        for name, (columns, lines) in figures.plots(counts, totals, figures_by_dataset).items():
            _write_csv(folder / "plots" / f"{name}.csv", columns, lines)
        content = page.data(datasets, counts, totals, measured, rows, deduped, label_map, made)
        shards.write_text(page.html(content), folder / "index.html")
    return counts


def _budget(instructed: Path, names: Iterable[str]) -> dict[str, Any] | None:
    """How much the records chosen for `instruct.budget` cover; None without a budget.

    The folders of all datasets hold the same file.
    """
    path = next((p for n in names if (p := instructed / n / "budget.json").exists()), None)
    return None if path is None else shards.read_json(path, "all")


def _write_csv(path: Path, columns: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(columns)
        out.writerows([_cell(value) for value in line] for line in lines)


def _cell(value: object) -> object:
    """A cell that cannot act as a formula in a spreadsheet or end a script of `dvc plots`."""
    if not isinstance(value, str):
        return value
    text = re.sub("<(?=[/!])", r"<\\", drawn(value))
    return f"'{text}" if text.lstrip(" ·↵→").startswith(_FORMULA) else text


def _measure(dataset: Dataset, folders: Mapping[str, Path]) -> Measured:
    normalized, cleaned, deduped, instructed = (
        folders[stage] / dataset.id for stage in ("normalize", "clean", "dedupe", "instruct")
    )
    read = shards.read_json(normalized / "summary.json", "splits")["splits"]
    records: dict[str, Any] = {}
    groups: examples.Groups = {}

    def published() -> Iterator[Any]:
        """The records that make instructions, shard by shard; all are counted on the way."""
        for split, path in shards.record_shards(cleaned):
            table = tagged(path, deduped)
            count(records, split, table)
            examples.choose(groups, table, table["dropped"], "id", page.ROWS_EACH)
            if split == "test" or dataset.use != "held-out":
                table = table.filter(pc.is_null(table["dropped"]))
                yield table

    dataset_figures = figures.figures(dataset, published())
    _check(read, records, cleaned)
    hygiene = shards.read_json(cleaned / "hygiene.json", "splits")["splits"]
    counts = {
        "read": read,
        "records": records,
        "hygiene": {
            split: {kind: entry["found"] for kind, entry in kinds.items()}
            for split, kinds in hygiene.items()
        },
        "instructions": asked.counted(dataset, instructed, records),
        "leak": leak.probed(dataset, instructed),
    }
    near = interchange.dictionary_for(dataset, folders["negatives"])
    return Measured(
        counts,
        dataset_figures,
        near,
        examples.chosen(dataset, groups, normalized, page.ROWS_EACH),
        asked.chosen(dataset, instructed, near, page.ROWS_EACH),
        atlas.gathered(dataset, cleaned, deduped),
    )


def _check(read: Mapping[str, Any], records: Mapping[str, Any], clean: Path) -> None:
    """Raise CountError unless there are as many records as normalize wrote."""
    written, present = (sum(split["records"] for split in s.values()) for s in (read, records))
    if written != present:
        what = f"normalize wrote {written} records, clean holds {present}"
        todo = "the folders are of two runs: run the stages again from normalize"
        raise CountError(what, where=clean, todo=todo)
