"""`iepile new`: declare a dataset from its files."""

from pathlib import Path

from rich.console import Console

from pipeline import catalog, config
from pipeline.adding import drafting, drafts, naming, sources, telling
from pipeline.adding.drafting import Draft
from pipeline.catalog import editions, raw_files
from pipeline.catalog import reader_options as options
from pipeline.commands import Arguments
from pipeline.errors import DeclarationError
from pipeline.terminal import drawing
from pipeline.text import drawn

#: Records are cut to so many lines of the terminal.
_LINES = 8


def run(arguments: Arguments) -> int:
    """Draft, write, and show."""
    given = [*arguments.split, *((s, f) for s, f in sources.named(arguments.files))]
    if arguments.reader:
        config.check_known([arguments.reader], options.readers(), "reader", "--reader")
    if not given:
        reader = arguments.reader
        todo = drafting.reader_shown(reader) if reader else drafting.readers_listed()
        raise DeclarationError("no files", where="iepile new", todo=todo)
    splits = sources.checked_splits(given)
    settings = config.load(arguments.params)
    names = naming.names_in(arguments.names) if arguments.names else {}
    draft = drafting.draft(
        arguments.id, arguments.reader, dict(arguments.option), splits, arguments.language, names
    )
    written = drafts.write(draft.dataset, splits, Path("raw"))
    declared = catalog.load(draft.dataset.id)
    if raw_files.present(*raw_files.edition(declared, Path(settings.raw))):
        written.append(editions.add(declared, arguments.params))
    _show(draft)
    if left_out := telling.left_out(sources.left_out(arguments.files, splits)):
        print(drawn(left_out))
    for path in written:
        print(f"wrote {_short(path)}")
    print(f"next: review {_short(catalog.file_of(draft.dataset.id))}, then")
    print(f"      iepile check {draft.dataset.id} --raw raw/full")
    return 0


def _short(path: Path) -> Path:
    """The path from the working directory, if it is below that."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _show(draft: Draft) -> None:
    """What was found, on one screen."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for line in telling.decision(draft):
        print(drawn(line))
    print()
    for record in telling.shown(draft):
        drawn_lines = [*drawing.record(record, console.width)]
        # Of a long record, what stands around its first annotation.
        first = next((n for n, line in enumerate(drawn_lines) if "━" in line.plain), 1)
        for drawn_line in drawn_lines[max(0, first - 1) : first + _LINES]:
            console.print(drawn_line)
        console.print()
    for line in telling.counts(draft):
        print(drawn(line))
    for line in telling.warnings(draft):
        print(drawn(f"warning: {line}"))
