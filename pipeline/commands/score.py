"""`iepile score`: how good the answers of a model are."""

from typing import Any, Final

from pipeline.commands import Arguments, named, say
from pipeline.execution import ownership, shards
from pipeline.scoring import evaluation, page, predictions
from pipeline.scoring.counting import Options
from pipeline.terminal.listing import table

#: Examples of every kind of mistake and label on a page.
_ON_A_PAGE: Final = 3
#: The most datasets that a note names.
_NAMED: Final = 8


def run(arguments: Arguments) -> int:
    """Print the tables, and write the JSON file."""
    files = [path for path in (arguments.predictions, arguments.against) if path]
    for out in filter(None, (arguments.out, arguments.page)):
        ownership.apart([out], [*files, arguments.corpus])
    models = [predictions.read(path, arguments.field, arguments.corpus) for path in files]
    examples = arguments.mistakes or (_ON_A_PAGE if arguments.page else 0)
    options = named(Options, arguments, examples=examples)
    with ownership.reading(arguments.corpus):
        scores = evaluation.score(
            models[0],
            arguments.corpus,
            options,
            datasets=arguments.datasets or (),
            partial=arguments.partial,
            against=models[1] if len(models) > 1 else None,
            dictionary=arguments.dictionary,
        )
    if arguments.out:
        shards.write_json(scores, arguments.out)
    if arguments.page:
        shards.write_text(page.page(scores), arguments.page)
    _print(scores, labels=arguments.labels)
    if examples:
        _print_mistakes(scores)
    for name, file in (("scores", arguments.out), ("page", arguments.page)):
        if file:
            print(f"{name + ':':8} {file}")
    _note(scores)
    return 0


def _note(scores: dict[str, Any]) -> None:
    """Say what the figures may hide. An event task has two measures, of the same rows."""
    account = scores["account"]
    groups = {(e["task"], e["dataset"], e["split"]): e for e in scores["scores"]}.values()
    if missing := account["missing"]:
        lacking = [*dict.fromkeys(e["dataset"] for e in groups if e["missing"])]
        names = f"{len(lacking)} datasets" if len(lacking) > _NAMED else ", ".join(lacking)
        say(
            f"note: {missing} of {account['due']} rows, of {names}: no answer, which counts as an "
            "empty one; --datasets A,B scores only these, --partial only rows with an answer"
        )
    if account["left_out"]:
        say(
            f"note: {account['left_out']} of {account['due']} rows left out, without an answer: "
            "these scores are of the others alone"
        )
    if account["unreadable"]:
        reasons = ", ".join(f"{why} {n}" for why, n in account["unreadable"].items())
        say(f"note: answers that could not be read, by reason: {reasons}")
    strange = sum(e["nothing_asked"] for e in groups)
    if 2 * strange > account["answered"]:
        of_all = f"{strange} of {account['answered']}"
        say(f"note: answers with other keys than the labels that were asked: {of_all}")


def _print(scores: dict[str, Any], *, labels: bool) -> None:
    counts = ("gold", "predicted", "correct")
    columns = ("task", "dataset", "split", "measure")
    figures = ("rows", "missing", "unreadable", *counts, "P", "R", "F1", "95 %", "macro")
    entries = [*scores["scores"], *scores["totals"]]
    if len(scores["languages"]) > len(scores["totals"]):
        entries += scores["languages"]
    rows = [
        [
            *(e[key] for key in (*columns, "rows", "missing", "parse_failures", *counts)),
            *_percent(e),
            _interval(e["f1_interval"]),
            "" if e["macro_f1"] is None else f"{e['macro_f1']:6.2f}",
        ]
        for e in entries
    ]
    # Without the measure, the rows of an event task could not be told apart.
    spare = ("macro", *counts, "missing", "unreadable", "95 %")
    print(table((*columns, *figures), rows, spare, "see all:   --out FILE"))
    if any("against" in e for e in entries):
        print()
        rows = [
            [
                *(e[key] for key in columns),
                *(f"{figure:6.2f}" for figure in (e["f1"], e["against"]["f1"])),
                f"{e['against']['difference']:+.2f}",
                _interval(e["against"].get("interval")),
                e["against"].get("share_not_better", ""),
            ]
            for e in entries
        ]
        titles = ("F1", "other's F1", "difference", "95 %", "share not better")
        print(table((*columns, *titles), rows, titles[:2:-1], "see all:   --out FILE"))
    if labels:
        rows = [
            [*(e[key] for key in columns), label, *(score[c] for c in counts), *_percent(score)]
            for e in scores["scores"]
            for label, score in e["labels"].items()
        ]
        print()
        heads = (*columns, "label", *counts, "P", "R", "F1")
        print(table(heads, rows, counts, "see all:   --out FILE"))


def _print_mistakes(scores: dict[str, Any]) -> None:
    rows = [
        [e["task"], e["dataset"], e["split"], kind, number]
        for e in scores["scores"]
        for kind, number in e.get("mistakes", {}).items()
    ]
    print()
    print(table(("task", "dataset", "split", "mistake", "number"), rows))


def _percent(figures: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"{figures[key]:6.2f}" for key in ("precision", "recall", "f1"))


def _interval(between: tuple[float, float] | None) -> str:
    return "" if between is None else f"{between[0]:.2f} - {between[1]:.2f}"
