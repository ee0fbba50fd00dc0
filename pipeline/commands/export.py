"""`iepile export`: the corpus in the format of a trainer."""

from pathlib import Path
from typing import Any

from pipeline import catalog, config
from pipeline.catalog import editions
from pipeline.commands import Arguments
from pipeline.commands.chain import Chain
from pipeline.commands.layout import Workspace, workspace
from pipeline.commands.wiring import compared
from pipeline.errors import RawFileError, StaleError
from pipeline.execution import atomic, ownership, shards
from pipeline.exports import Source, writing
from pipeline.records import SPLITS
from pipeline.terminal import listing


def run(arguments: Arguments) -> int:
    """Write the export and print what was written, and what could not be."""
    form = writing.formats()[arguments.format]
    kind = arguments.kind or form["from"][0]
    if kind not in form["from"]:
        what, todo = f"{arguments.format} is not made from {kind}", f"use --from {form['from'][0]}"
        raise RawFileError(what, where=f"--from {kind}", todo=todo)
    if arguments.only and "annotates" not in form:
        todo = "use label-studio, doccano or brat, which have room for the reason"
        raise RawFileError("this format has no room for comments", where="--only", todo=todo)
    if arguments.format == "batch" and not arguments.model:
        todo = "name the model with --model, as the server calls it"
        raise RawFileError("every request of a batch names a model", where="--model", todo=todo)
    out = arguments.out
    if Path.cwd().is_relative_to(out.resolve()):
        what = "this folder is the one you are in, or around it, and would be replaced"
        raise RawFileError(what, where=out, todo="name a new folder")
    ws = _workspace(arguments, kind)
    params = arguments.params or config.PARAMS
    ownership.apart([out], (params, ws.raw, *ws.catalogs, *ws.folders.values()))
    ownership.spared(out)
    ownership.check(out, ownership.EXPORT)
    with ownership.reading(ws.out):
        source, normalized = _source(arguments, kind, ws), ws.folders["normalize"]
        with atomic.replacing(out.resolve()) as folder:
            ownership.claim(folder, ownership.EXPORT)
            counts = writing.export(arguments.format, source, folder)
            if not any(n for key, n in counts.items() if key.endswith("rows")):
                what = f"nothing in these datasets and splits is what {arguments.format} holds"
                todo = "use another format, `iepile export --help` names them"
                names = ", ".join(dataset.id for dataset in source.datasets)
                raise RawFileError(what, where=names, todo=todo)
            # As far as the run still has what it read.
            read = [d.id for d in source.datasets if (normalized / d.id / "summary.json").exists()]
            invented = [*editions.used(read, normalized)["invented"]]
            about = {"format": arguments.format, "from": kind, "counts": counts}
            shards.write_json({**about, "invented": invented}, folder / "export.json")
    if warning := editions.warning(invented, len(source.datasets)):
        print(f"{listing.wrapped(warning, 0)}\n")
    lost = {what: n for what, n in counts.items() if what.startswith("lost") and n}
    written = [(what, n) for what, n in counts.items() if not what.startswith("lost")]
    print(listing.table(("written", "number"), written))
    losses = ", ".join(f"{what.removeprefix('lost: ')} {n:,}" for what, n in lost.items())
    print(listing.wrapped(f"lost: {losses or 'nothing'}"))
    print(f"to:   {out}")
    return 0


def _workspace(arguments: Arguments, kind: Any) -> Workspace:
    """The run that is asked for, which must have come as far as is needed."""
    ws = workspace(arguments)
    needed = ws.folders["clean" if kind == "records" else "publish"]
    if not needed.is_dir():
        todo = "run `iepile run` or `dvc repro` first, or name the run's folder with --run"
        raise RawFileError(f"there are no {kind} to export", where=needed, todo=todo)
    return ws


def _source(arguments: Arguments, kind: Any, ws: Workspace) -> Source:
    """The part of a run that is asked for."""
    present = compared(ws)
    if not present and kind == "records":
        todo = "run `iepile dedupe`; `dvc repro` or `iepile run` do everything"
        raise StaleError("these records were not deduplicated", where=ws.out, todo=todo)
    # A corpus without the folders that it was made from may hold any dataset.
    wanted = arguments.datasets or present or catalog.ids()
    if present:
        config.check_known(wanted, present, "dataset", ws.folders["clean"])
    config.check_known(arguments.split or (), SPLITS, "split", "--split")
    splits = tuple(s for s in SPLITS if s in (arguments.split or SPLITS))
    if present:
        # The parameters of a run in another folder may be others, which nobody needs to name here.
        keys = ("parameters",) if arguments.run == "output" else ()
        needed = "publish" if kind == "instructions" else "dedupe"
        Chain(present, ws).require(needed, keys=("declaration", "inputs", *keys))
    datasets = tuple(ws.dataset(name) for name in wanted)
    place, only = arguments.out.absolute(), arguments.only == "suspicious"
    asking, limit, model = ws.settings.instruct, arguments.limit, arguments.model
    return Source(kind, ws.out, datasets, splits, asking, limit, model, place, only)
