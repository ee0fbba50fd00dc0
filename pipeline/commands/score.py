"""`iepile score`: how good the answers of a model are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import command, names, say

if TYPE_CHECKING:
    import argparse


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = command(
        commands,
        "score",
        "score the answers of a model against the corpus",
        "Span-based micro-F1 per task, dataset and split, with precision, recall, counts, answers "
        "that could not be read, and 95 % bootstrap intervals over records. The label batches of a "
        "record are pooled; a label's first asking counts. All rows of a split are due as soon as "
        "one is answered.",
    )
    add_ = parser.add_argument
    add_("predictions", type=Path, metavar="PREDICTIONS", help="JSON lines or Parquet, or a folder")
    add_("--gold", type=Path, metavar="DIR", default=Path("output/corpus"), help="the corpus")
    add_("--field", metavar="NAME", help="where the model's text is (default: prediction, output)")
    add_("--match", choices=("multiset", "set"), default="multiset", help="count repeats, or not")
    add_(
        "--normalize",
        action="store_true",
        help="ignore case, width, runs of blanks, leading articles",
    )
    add_("--datasets", type=names, metavar="A,B", help="only these (default: all of the corpus)")
    add_("--partial", action="store_true", help="leave out gold rows that have no answer")
    add_("--samples", type=_samples, metavar="N", default=1000, help="bootstrap samples, or 0")
    add_("--labels", action="store_true", help="also print every label")
    add_("--json", type=Path, metavar="FILE", help="also write everything as JSON")


def _samples(text: str) -> int:
    import argparse

    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Print the tables, and write the JSON file."""
    from pipeline.execution import ownership, shards
    from pipeline.scoring import evaluation, predictions
    from pipeline.scoring.counting import Options

    if arguments.json:
        ownership.apart([arguments.json], [arguments.predictions, arguments.gold])
    answers = predictions.read(arguments.predictions, arguments.field)
    options = Options(arguments.match, arguments.normalize, arguments.samples)
    with ownership.reading(arguments.gold):
        scores = evaluation.score(
            answers,
            arguments.gold,
            options,
            datasets=arguments.datasets or (),
            partial=arguments.partial,
        )
    if arguments.json:
        shards.write_json(scores, arguments.json)
    _print(scores, labels=arguments.labels)
    _note(scores, partial=arguments.partial)
    return 0


def _note(scores: dict[str, Any], *, partial: bool) -> None:
    """Say what the figures may hide. An event task has two measures, of the same rows."""
    groups = {(e["task"], e["dataset"], e["split"]): e for e in scores["scores"]}.values()
    keys = ("rows", "missing", "nothing_asked")
    rows, missing, strange = (sum(e[key] for e in groups) for key in keys)
    if missing and not partial:
        lacking = dict.fromkeys(e["dataset"] for e in groups if e["missing"])
        say(
            f"note: {missing} of {rows} rows have no answer and count as empty ones, of "
            f"{', '.join(lacking)}; say with --datasets or --gold if fewer are due"
        )
    if 2 * strange > rows - missing:
        told = f"{strange} of {rows - missing} answers"
        say(f"note: {told} hold other keys than the labels that were asked")


def _print(scores: dict[str, Any], *, labels: bool) -> None:
    from pipeline.terminal.listing import table

    counts = ("gold", "predicted", "correct")
    columns = ("task", "dataset", "split", "measure")
    told = ("rows", "missing", "unreadable", *counts, "P", "R", "F1", "95 %")
    rows = [
        [
            *(e[key] for key in (*columns, "rows", "missing", "parse_failures", *counts)),
            *_percent(e),
            _interval(e["f1_interval"]),
        ]
        for e in [*scores["scores"], *scores["totals"]]
    ]
    print(table((*columns, *told), rows))
    if labels:
        rows = [
            [*(e[key] for key in columns), label, *(own[c] for c in counts), *_percent(own)]
            for e in scores["scores"]
            for label, own in e["labels"].items()
        ]
        print()
        print(table((*columns, "label", *counts, "P", "R", "F1"), rows))


def _percent(figures: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"{figures[key]:6.2f}" for key in ("precision", "recall", "f1"))


def _interval(between: tuple[float, float] | None) -> str:
    return "" if between is None else f"{between[0]:.2f} - {between[1]:.2f}"
