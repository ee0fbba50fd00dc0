"""The reader that a declaration names, with its options checked before a file is opened."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from pipeline import readers as folder
from pipeline.config import did_you_mean, in_words
from pipeline.errors import DeclarationError
from pipeline.readers import _annotators
from pipeline.readers._annotators import Agreement
from pipeline.records import Record, Reject


def readers() -> list[str]:
    """The names of the readers: modules of `pipeline/readers`, and formats of `json_rows`."""
    return folder.names()


def module(name: str) -> Any:
    """The module that reads a format."""
    return import_module(f"pipeline.readers.{folder.module_of(name)}")


@cache
def options_of(name: str) -> dict[str, Any]:
    """Option of a reader -> its type."""
    kind = getattr(module(name), "Options", None)
    fields = msgspec.structs.fields(kind) if kind else ()
    return {field.name: field.type for field in fields if field.name != "language"}


def bound(declared: Mapping[str, Any], language: str, where: object, function: str = "read") -> Any:
    """A function of the reader that a table `reader` declares, with its options bound.

    `read` is files -> records and rejects. None where the reader has no such function.
    """
    name, options = _checked(declared, language, where)
    called = getattr(module(name), function, None)
    return called if options is None or called is None else partial(called, options=options)


def read(
    name: str, files: Sequence[Path], *, language: str, **options: Any
) -> Iterator[Record | Reject]:
    """The records and rejects of files that a reader, given by name, reads under some options."""
    items: Iterator[Record | Reject] = bound({"name": name, **options}, language, "[reader]")(files)
    return items


def unread(
    name: str, files: Sequence[Path], *, language: str, **options: Any
) -> Counter[str] | None:
    """Count what the reader ignores in these files; None if the reader cannot count it."""
    count = bound({"name": name, **options}, language, "[reader]", "unread_fields")
    return count and count(files)  # type: ignore[no-any-return]


def absent(name: str, files: Sequence[Path], *, language: str, **options: Any) -> list[str]:
    """The fields that these options name and no row has, of those that a row may lack."""
    _, given = _checked({"name": name, **options}, language, "[reader]")
    if folder.module_of(name) != "json_rows":
        return []
    paths = [options[key] for key in ("title", "source_id", "annotator") if key in options]
    missing: list[str] = module(name).absent_fields(
        files, given, [*paths, *options.get("only", ())]
    )
    return missing


def agreement(
    name: str, files: Sequence[Path], *, language: str, **options: Any
) -> dict[str, Agreement]:
    """Label -> agreement of the annotators of these files; empty if no text has several."""
    if "annotators" not in options_of(name):
        return {}
    every = {**options, "annotators": "all"}
    return _annotators.agreement(read(name, files, language=language, **every))


def _checked(declared: Mapping[str, Any], language: str, where: object) -> tuple[str, Any]:
    """The name of a declared reader, and its options; None where it takes none."""
    name, given = declared.get("name"), {k: v for k, v in declared.items() if k != "name"}
    if not isinstance(name, str) or name not in readers():
        raise DeclarationError(
            f"there is no reader {name!r}{did_you_mean(name, readers())}",
            where=where,
            todo=f"use one of: {', '.join(readers())}",
        )
    kind = getattr(module(name), "Options", None)
    allowed = options_of(name)
    if unknown := sorted({*given} - {*allowed}):
        what = f"reader {name} has no option {unknown[0]!r}{did_you_mean(unknown[0], allowed)}"
        todo = f"its options are: {', '.join(allowed) or 'none'}"
        raise DeclarationError(what, where=where, todo=todo)
    if kind is None:
        return name, None
    options = merged(folder.formats().get(name, {}), given)
    if "language" in kind.__struct_fields__:
        options["language"] = language
    try:
        return name, msgspec.convert(options, kind)
    except msgspec.ValidationError as problem:
        what = f"reader {name}: {in_words(problem, kind)}"
        raise DeclarationError(what, where=where, todo="correct [reader]") from None


def merged(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a format, changed as given: tables are merged, others replaced."""
    options = {**defaults}
    for key, value in given.items():
        default = options.get(key)
        both = isinstance(default, dict) and isinstance(value, dict)
        options[key] = merged(default, value) if both else value  # type: ignore[arg-type]
    return options
