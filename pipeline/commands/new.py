"""`iepile new`: declare a dataset from its files."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import command

if TYPE_CHECKING:
    from pipeline.adding.drafting import Draft


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = command(
        commands,
        "new",
        "draft the declaration of a dataset from its files",
        "Finds out how the files are read, shows that with the first annotated records, and "
        "writes the declaration, the raw folders and the line of params.yaml for you to review. "
        "Without files it lists the readers with raw lines that they read.",
    )
    parser.add_argument("id", metavar="ID")
    parser.add_argument(
        "files",
        nargs="*",
        type=_path,
        metavar="FILE",
        help="a file or folder whose names tell the splits (train, dev, test), or hub:OWNER/NAME",
    )
    parser.add_argument("--reader", metavar="NAME", help="the format (default: found out)")
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
    parser.add_argument("--language", metavar="CODE", help="ISO 639 code (default: of the texts)")
    parser.add_argument("--names", type=_path, metavar="FILE", help="a table of labels and names")
    parser.add_argument("--params", type=Path, metavar="FILE", help="default: params.yaml")


def _option(text: str) -> tuple[str, Any]:
    key, found, value = text.partition("=")
    if not (key and found):
        raise argparse.ArgumentTypeError(f"{text!r} is not K=V")
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key, value.encode().decode("unicode_escape") if value in {"\\t", "\\n"} else value


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _split(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if name not in {"train", "dev", "test", "all"} or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is not train|dev|test|all=FILE")
    return name, _path(path)


def run(arguments: argparse.Namespace) -> int:
    """Draft, write, and show."""
    from pipeline import catalog, config
    from pipeline.adding import drafting, drafts, naming, sources, telling
    from pipeline.catalog import editions, raw_files
    from pipeline.catalog import reader_options as options
    from pipeline.errors import DeclarationError
    from pipeline.text import drawn

    given = [*arguments.split, *((s, f) for s, f in sources.named(arguments.files))]
    if arguments.reader not in (None, *options.readers()) or not (given or arguments.reader):
        what = f"there is no reader {arguments.reader!r}" if arguments.reader else "no files"
        todo = "give --split train=FILE, and if need be the reader of its format:\n"
        where = "--reader" if arguments.reader else "--split"
        raise DeclarationError(what, where=where, todo=todo + drafting.examples())
    splits = sources.checked_splits(given)
    settings = config.load(arguments.params)
    names = naming.told_names(arguments.names) if arguments.names else {}
    draft = drafting.draft(
        arguments.id, arguments.reader, dict(arguments.option), splits, arguments.language, names
    )
    written = drafts.write(draft.dataset, splits, Path("raw"))
    declared = catalog.load(draft.dataset.id)
    if raw_files.present(*raw_files.edition(declared, Path(settings.raw))):
        written.append(editions.add(declared, arguments.params))
    _show(draft)
    if told := telling.left_out(sources.left_out(arguments.files, splits)):
        print(drawn(told))
    for path in written:
        print(f"wrote {path}")
    declaration = catalog.file_of(draft.dataset.id)
    print(f"next: review {declaration}, then `iepile check {draft.dataset.id} --raw raw/full`")
    return 0


def _show(draft: Draft) -> None:
    """What was found, on one screen."""
    from rich.console import Console

    from pipeline.adding import telling
    from pipeline.terminal import drawing
    from pipeline.text import drawn

    console = Console(highlight=False, markup=False, soft_wrap=True)
    for line in telling.decision(draft):
        print(drawn(line))
    print()
    for record in telling.shown(draft, console.width):
        for drawn_line in drawing.record(record, console.width):
            console.print(drawn_line)
        console.print()
    for line in telling.counts(draft):
        print(drawn(line))
    for line in telling.warnings(draft):
        print(drawn(f"warning: {line}"))
