"""Stage 7: a report on the fate of every record, for programs and for people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pandas import DataFrame

#: The tables of a report: those of counts.json, and the data of the plots.
COUNTED: Final = ("datasets", "splits", "instructions", "odd_annotations", "leak")
PLOTTED: Final = ("drops", "label_frequency", "text_length", "positives", "pure_negative")


def tables(out: Path | str) -> dict[str, DataFrame]:
    """The report of the run in the folder or URL `out`, as tables for a notebook.

    `datasets`         the rows and records of each by outcome, with a column for every drop reason
    `splits`           the same for each split
    `instructions`     for each dataset, task and split, with the shares of labels by kind
    `odd_annotations`  how many of each kind cleaning found
    `leak`             average precision of finding positive labels, or pure negative rows, from
                       the labels asked alone (`probe`) and from frequencies (`prior`), and the
                       95 % interval of the difference (`low`, `high`)
    `drops`, `label_frequency`, `text_length`, `positives`, `pure_negative`
                       the data of `dvc plots`; a name that a spreadsheet would calculate has a
                       quote before it, one that would end a script a backslash in it

    Shares are from 0 to 1; a share of nothing is NaN. Raises RawFileError without a report.
    """
    import pandas as pd

    from pipeline.execution import atomic, shards
    from pipeline.report import figures

    folder = atomic.place(str(out)) / "reports"
    counts = shards.read_json(folder / "counts.json", "datasets", "skipped", "edition")
    totals = figures.totals(counts)
    no_drops = dict.fromkeys(totals[""]["dropped"], 0)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in COUNTED}
    for name, dataset in counts["datasets"].items():
        of = {"dataset": name}
        rows["datasets"].append(of | totals[name])
        rows["splits"] += [
            of | {"split": split} | records | {"dropped": no_drops | records["dropped"]}
            for split, records in dataset["records"].items()
        ]
        rows["instructions"] += [of | row for row in figures.asked(dataset["instructions"])]
        rows["odd_annotations"] += [
            of | {"split": split, "kind": kind, "found": number}
            for split, kinds in dataset["hygiene"].items()
            for kind, number in kinds.items()
        ]
        rows["leak"] += [
            of | {"task": task, "finding": kind} | probe[kind]
            for task, probe in dataset["leak"].items()
            for kind in ("positive", "pure")
            if probe[kind]
        ]
    frames = {name: pd.json_normalize(lines) for name, lines in rows.items()}
    for name in PLOTTED:
        with (folder / "plots" / f"{name}.csv").open(encoding="utf-8") as file:
            frames[name] = pd.read_csv(file, keep_default_na=False)
    return frames
