"""`iepile new`: declare a dataset from its files."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import command

if TYPE_CHECKING:
    from pipeline.adding.drafting import Survey
    from pipeline.catalog import Dataset
    from pipeline.records import Record

_SHOWN = 3


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = command(
        commands,
        "new",
        "draft the declaration of a dataset from its files",
        "Reads the files, guesses what was not given, shows the first records and the labels, and "
        "writes the declaration, the raw folders and the line of params.yaml for you to review. "
        "Without --reader it lists the readers with raw lines that they read.",
    )
    parser.add_argument("id", metavar="ID")
    parser.add_argument("--reader", metavar="NAME", help="the format: a module of pipeline/readers")
    parser.add_argument(
        "--option",
        type=_option,
        action="append",
        default=[],
        metavar="K=V",
        help="an option of the reader; the value as in TOML, or a bare string",
    )
    parser.add_argument(
        "--split",
        type=_split,
        action="append",
        default=[],
        metavar="SPLIT=FILE",
        help="a file or folder of train, dev or test; all=FILE has no split of its own",
    )
    parser.add_argument("--language", choices=("en", "zh"), help="default: as the files look")
    parser.add_argument("--params", type=Path, metavar="FILE", help="default: params.yaml")


def _option(text: str) -> tuple[str, Any]:
    key, found, value = text.partition("=")
    if not (key and found):
        raise argparse.ArgumentTypeError(f"{text!r} is not K=V")
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key, value.encode().decode("unicode_escape") if value in {"\\t", "\\n"} else value


def _split(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if name not in {"train", "dev", "test", "all"} or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is not train|dev|test|all=FILE")
    return name, Path(path).expanduser()


def run(arguments: argparse.Namespace) -> int:
    """Draft, show, and write."""
    from pipeline import catalog, config
    from pipeline.adding import drafting, drafts
    from pipeline.catalog import editions, raw_files
    from pipeline.catalog import reader_options as options
    from pipeline.errors import DeclarationError

    if arguments.reader not in options.readers():
        what = f"there is no reader {arguments.reader!r}" if arguments.reader else "no --reader"
        todo = "name the reader of your format:\n" + drafting.examples()
        raise DeclarationError(what, where="--reader", todo=todo)
    splits: dict[str, list[Path]] = {}
    for split, path in arguments.split:
        splits.setdefault(split, []).append(path)
    if not splits or ("all" in splits and len(splits) > 1):
        raise DeclarationError(
            "no files" if not splits else "all= stands alone",
            where="--split",
            todo="give --split train=FILE (dev=, test=), or --split all=FILE",
        )
    settings = config.load(arguments.params)
    dataset, survey = drafting.draft(
        arguments.id, arguments.reader, dict(arguments.option), splits, arguments.language
    )
    _show(dataset, survey, splits)
    written = drafts.write(dataset, splits, Path("raw"))
    declared = catalog.load(dataset.id)
    if raw_files.present(*raw_files.edition(declared, Path(settings.raw))):
        written.append(editions.add(declared, arguments.params))
    for path in written:
        print(f"wrote {path}")
    print(f"next: review the declaration, then `iepile check {dataset.id} --raw raw/full`")
    return 0


def _placed(record: Record) -> Record:
    """The record with the places that `normalize` finds for mentions without offsets."""
    from pipeline.records import locate

    mentions = []
    for m in record.mentions:
        start, end = m.start, m.end
        if start is None and not m.discontinuous:
            start, end = locate(record.text, m.text)
        mentions.append(m._replace(start=start, end=end))
    return record._replace(mentions=mentions)


def _show(dataset: Dataset, survey: Survey, splits: dict[str, list[Path]]) -> None:
    """The first records, the inventory, the counts and the guesses."""
    from collections import Counter

    from rich.console import Console

    from pipeline.adding import fitting
    from pipeline.terminal import drawing, listing
    from pipeline.text import drawn

    console = Console(highlight=False, markup=False, soft_wrap=True)
    files = [file for own in splits.values() for file in own]
    found = fitting.fit(dataset, files)
    for record in map(_placed, found.records[:_SHOWN]):
        console.print(drawn(record.origin), style="dim")
        for line in drawing.record(record, console.width):
            console.print(line)
        console.print()
    rows = [
        [kind, raw, dataset.names(kind).get(raw, "(no relation)"), n]
        for kind, counts in survey.labels.items()
        for raw, n in sorted(counts.items())
    ]
    print(listing.table(("kind", "raw label", "asked as", "count"), rows))
    print()
    kinds = ("records", "entities", "relations", "events", "arguments")
    counts = [[s, *(own.counts.get(k, 0) for k in kinds)] for s, own in dataset.splits.items()]
    print(listing.table(("split", *kinds), counts))
    print()
    options = {k: v for k, v in dataset.reader.items() if k != "name"}
    print(f"language: {dataset.language}; tasks: {', '.join(dataset.tasks)}")
    print(f"reader {dataset.reader['name']}: {options or 'no options'}")
    print(
        f"{found.read:.0%} of the first rows are records, {found.placed:.0%} of the mentions stand "
        f"in their text, {found.edges:.0%} of these end where words do"
    )
    if found.problem:
        print(drawn(f"the most frequent problem: {found.problem}"))
    for told in (
        fitting.torn(found),
        fitting.crowded(survey.labels.get("entity", Counter())),
        fitting.steering(name for kind in survey.labels for name in dataset.names(kind).values()),
    ):
        if told:
            print(drawn(f"warning: {told}"))
    print()
