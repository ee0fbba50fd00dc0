"""The reader that a declaration names, with its options checked before a file is opened."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final, get_args

import msgspec

from pipeline.config import did_you_mean, in_words
from pipeline.errors import DeclarationError
from pipeline.records import Record, Reject

FOLDER: Final = Path(__file__).parents[1] / "readers"
#: What the annotations of readers name and do not import when they run.
_NAMES: Final = {
    kind.__name__: kind for kind in (Iterator, Mapping, Sequence, Path, Record, Reject)
}


def readers() -> list[str]:
    """The names of the readers: the modules of `pipeline/readers`."""
    return sorted(p.stem for p in FOLDER.glob("*.py") if not p.stem.startswith("_"))


def bound(declared: dict[str, Any], language: str, where: object) -> Any:
    """The reader function of a declaration's table `reader`: files -> records and rejects."""
    options = {**declared}
    name = options.pop("name", None)
    if name not in (known := readers()):
        raise DeclarationError(
            f"there is no reader {name!r}{did_you_mean(name, known)}",
            where=where,
            todo=f"use one of: {', '.join(known)}",
        )
    function = import_module(f"pipeline.readers.{name}").read
    offered = inspect.signature(function, locals=_NAMES, eval_str=True).parameters
    allowed = {n: p for n, p in offered.items() if p.kind is p.KEYWORD_ONLY and n != "language"}
    if unknown := sorted({*options} - {*allowed}):
        raise DeclarationError(
            f"reader {name} has no option {unknown[0]!r}{did_you_mean(unknown[0], allowed)}",
            where=where,
            todo=f"its options are: {', '.join(allowed) or 'none'}",
        )
    required = {n for n, p in allowed.items() if p.default is p.empty}
    if missing := sorted(required - {*options}):
        raise DeclarationError(
            f"reader {name} needs the option {missing[0]!r}", where=where, todo="add it to [reader]"
        )
    for option, value in options.items():
        _check(name, option, value, allowed[option].annotation, where)
    return lambda files: function(files, language=language, **options)


def _check(reader: str, option: str, value: Any, kind: Any, where: object) -> None:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as problem:
        choices = [c for c in get_args(kind) if isinstance(c, str)]
        todo = f"use one of {', '.join(choices)}" if choices else "correct [reader]"
        what = f"reader {reader}, option {option} = {value!r:.80}: {in_words(problem, kind)}"
        raise DeclarationError(what, where=where, todo=todo) from None
