"""`iepile check`: whether raw files and declarations agree, and what is likely wrong if not."""

from pipeline.adding import checking, telling
from pipeline.catalog import editions, raw_files
from pipeline.commands import Arguments, workspace
from pipeline.errors import RawFileError
from pipeline.text import drawn


def run(arguments: Arguments) -> int:
    """Print the findings."""
    ws = workspace(arguments)
    names = [*editions.datasets_in(ws.raw, ws.manifests)] if arguments.all else arguments.ids
    if not names:
        raise RawFileError(
            "no dataset has raw files here",
            where=ws.raw,
            todo="name the folder of raw folders with --raw, or `iepile fetch` the files",
        )
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
            held = ", ".join(f"{n:,} {kind}" for kind, n in checked.counts.items() if n)
            print(f"{name}: no problem in {held}{'' if checked.whole else ' (a cut)'}")
        if passed := telling.unread(checked.unread):
            print(drawn(f"{name}: {passed}"))
    return 1 if count else 0
