"""Datasets of the user's own: declared, imported and checked."""

from pathlib import Path

import msgspec
from rich.console import Console

from pipeline import catalog, config
from pipeline.adding import checking, drafting, drafts, importing, naming, sources, telling
from pipeline.adding.drafting import Draft
from pipeline.adding.evidence import UNKNOWN
from pipeline.catalog import editions, raw_files
from pipeline.catalog import reader_options as options
from pipeline.commands import Arguments, edition_of
from pipeline.commands.layout import workspace
from pipeline.errors import DeclarationError, RawFileError, counted
from pipeline.records import TASKS
from pipeline.terminal import listing, showing
from pipeline.text import drawn

#: Records are cut to so many lines of the terminal.
_LINES = 8


def new(arguments: Arguments) -> int:
    """Draft, write, and show."""
    splits = sources.named(arguments.files, arguments.split)
    if arguments.reader:
        config.check_known([arguments.reader], options.readers(), "reader", "--reader")
    if not splits:
        reader = arguments.reader
        todo = drafting.reader_shown(reader) if reader else drafting.readers_listed()
        raise DeclarationError("no files", where="iepile new", todo=todo)
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
        drawn_lines = [*showing.record(record, console.width)]
        # Of a long record, what stands around its first annotation.
        first = next((n for n, line in enumerate(drawn_lines) if "━" in line.plain), 1)
        for drawn_line in drawn_lines[max(0, first - 1) : first + _LINES]:
            console.print(drawn_line)
        console.print()
    for line in telling.counts(draft):
        print(drawn(line))
    for line in telling.warnings(draft):
        print(drawn(f"warning: {line}"))


def import_(arguments: Arguments) -> int:
    """Import every folder and print what was counted."""
    if arguments.id and len(arguments.folders) > 1:
        what, todo = "one id for several folders", "import them one by one"
        raise DeclarationError(what, where=f"--id {arguments.id}", todo=todo)
    config.check_known(arguments.tasks, TASKS, "task", "--tasks")
    fields = ("id", "source", "language", "tasks", "license", "domain")
    said = msgspec.structs.replace(
        UNKNOWN,
        **{field: getattr(arguments, field) for field in fields},
        use="held-out" if arguments.held_out else "train",
    )
    rows: list[list[object]] = []
    for folder in arguments.folders:
        counts = importing.run(folder, said, arguments.raw)
        rows += [[str(folder), key, number] for key, number in counts.items()]
    print(listing.table(("folder", "counted", "number"), rows))
    print(f"`iepile use {edition_of(arguments.raw)}` writes what is there into params.yaml")
    return 0


def check(arguments: Arguments) -> int:
    """Print the findings."""
    ws = workspace(arguments)
    names = [*editions.datasets_in(ws.raw, ws.manifests)] if arguments.all else arguments.ids
    if not names:
        todo = "name the folder of raw folders with --raw, or `iepile fetch` the files"
        raise RawFileError("no dataset has raw files here", where=ws.raw, todo=todo)
    count = 0
    for name in names:
        dataset = ws.dataset(name)
        folder, manifest = raw_files.edition(dataset, ws.raw, ws.manifests)
        rate = ws.settings.normalize.max_reject_rate
        checked = checking.check(dataset, folder, manifest, rate)
        count += len(checked.findings)
        for finding in checked.findings:
            print(drawn(str(finding)))
        if not checked.findings:
            held = ", ".join(counted(n, kind) for kind, n in checked.counts.items() if n)
            print(f"{name}: no problem in {held}{'' if checked.whole else ' (a cut)'}")
        if passed := telling.unread(checked.unread):
            print(drawn(f"{name}: {passed}"))
    return 1 if count else 0
