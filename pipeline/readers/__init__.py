"""Readers: one module per raw format, and formats that are options of a reader, with a name.

    class Options(msgspec.Struct): ...
    def read(files: Sequence[Path], options: Options) -> Iterator[Record | Reject]

A reader without options has `read(files)`. It gets the files of one split in declared order and
yields records in source order, with labels in their raw spelling and exact offsets wherever the
source allows. It maps no labels, cleans nothing and logs nothing. A piece that cannot be read
becomes a `Reject` that says why and how many records and annotations go with it; only a file that
is wrong as a whole raises `RawFileError`.

A reader that passes over parts of its files has `unread_fields` with the parameters of `read`: a
Counter of what it did not read, in the words of the files (a field, a column, a kind of line).
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent


@cache
def layouts() -> dict[str, dict[str, Any]]:
    """Reader -> the options of `json_rows` for the rows that it brings into shape."""
    return tomllib.loads((FOLDER / "layouts.toml").read_text(encoding="utf-8"))


@cache
def formats() -> dict[str, dict[str, Any]]:
    """Format -> the options of its reader that read it."""
    other_keys = ("about", "example", "reader")
    return {
        name: {key: value for key, value in options.items() if key not in other_keys}
        for name, options in declared().items()
    }


@cache
def declared() -> dict[str, dict[str, Any]]:
    """Format -> what `formats.toml` says of it: its options, `about` and `example` among them."""
    return tomllib.loads((FOLDER / "formats.toml").read_text(encoding="utf-8"))


def module_of(name: str) -> str:
    """The module that reads a format."""
    options = declared().get(name)
    return name if options is None else options.get("reader", "json_rows")


@cache
def names() -> list[str]:
    """The names of all readers: modules and formats."""
    modules = (path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
    return sorted({*modules, *formats()})
