"""Explain why no reader fits some files, and what the user can do about it."""

import re
import tomllib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from pipeline import readers
from pipeline.adding import json_lists
from pipeline.adding.candidates import first_json
from pipeline.adding.excerpts import head_of
from pipeline.adding.fitting import Trial
from pipeline.adding.json_lists import FIELDS

_SHOWN: Final = 72
_OPTIONS: Final = (
    "name the reader with --reader, its options with --option (`iepile new ID` lists the readers)"
)
#: How many fields a message lists at most.
_FIELDS: Final = 16
#: Options of formats that are not paths, or whose paths may be missing from rows.
_NO_PATHS: Final = frozenset(
    ("misplaced", "respell", "scheme", "unit", "unlabeled", "source_id", "annotator", "title")
)
_KINDS: Final[list[dict[str, Any]]] = tomllib.loads(
    Path(__file__).with_name("kinds.toml").read_text("utf-8")
)["kind"]
_JSON_LINES: Final = '{"text": "Ada met Tom", "entities": [{"start": 0, "end": 3, "label": "PER"}]}'
#: So much of a file is looked at to see what kind it is.
_BEGINNING: Final = 4096
_PLACES: Final = frozenset((*FIELDS["start"], *FIELDS["end"], "span", "offset", "offsets"))


def refusal(nearest: Trial | None, files: Sequence[Path]) -> str:
    """Say why nothing fits: what the files hold, the nearest reading, and what is wrong with it."""
    fields = [*dict.fromkeys(path for path, _ in _leaves(files))]
    names = {path.rsplit(".", 1)[-1] for path in fields}
    lines = ["no reader fits these files"]
    if kind := _kind(files, nearest):
        lines[0] += f": {kind['what']}"
    elif nearest is None or (names and not nearest.amount and not nearest.misplaced):
        lines += _nearest_format(names)
    else:
        why = nearest.doubt or nearest.torn or nearest.problem
        name = nearest.dataset.reader["name"]
        lines.append(f"the nearest is {name}: {why or 'it finds no annotation'}"[:400])
    if fields:
        lines.append(f"the fields: {', '.join(fields[:_FIELDS])}"[:400])
    lines.append(f"the first row: {first_row(files)}")
    return "\n  ".join(lines)


def _kind(files: Sequence[Path], nearest: Trial | None) -> dict[str, Any] | None:
    """Return what the files are, of the kinds that no reader reads: `what`, and `todo`."""
    leaves = _leaves(files)
    fields = {f"{path}." for path, _ in leaves}
    strings = [value[:_BEGINNING] for _, value in leaves if isinstance(value, str)]
    raw = b"" if fields or files[0].is_dir() else head_of(files[0])[:_BEGINNING]
    begin = raw.decode("utf-8", "replace")
    for kind in _KINDS if fields or files[0].is_file() else ():
        wanted = kind.get("fields", ()) if fields else ()
        if wanted and all(any(p.startswith(f"{f}.") for p in fields) for f in wanted):
            return kind
        if nearest is not None and nearest.misplaced:
            continue  # It is known but for its offsets.
        held = "holds" in kind and any(re.search(kind["holds"], string) for string in strings)
        if held or ("begins" in kind and not fields and re.match(kind["begins"], begin)):
            return kind
    return None


def _nearest_format(names: Collection[str]) -> list[str]:
    """Name the format of JSON rows that has the most of these fields, and its missing fields."""
    wanted = {
        name: dict.fromkeys(_paths_in(form))
        for name, form in readers.formats().items()
        if readers.module_of(name) == "json_rows" and "separator" not in form
    }
    shares = {name: len({*paths} & {*names}) / len(paths) for name, paths in wanted.items()}
    best = max(shares, key=lambda name: shares[name])
    if not shares[best]:
        return []
    missing = ", ".join(map(repr, (path for path in wanted[best] if path not in names)))
    other = "its fields hold something else here, or nothing"
    why = f"there is no field {missing}" if missing else other
    return [f"the nearest is {best}: {why}"[:400]]


def _paths_in(form: Any) -> Iterator[str]:
    """Yield the fields that a format names."""
    for key, value in form.items():
        if isinstance(value, dict) and key != "only":
            yield from _paths_in(value)
        elif isinstance(value, str) and key not in _NO_PATHS:
            steps = value.split(".")
            yield from (step for step in steps if step.strip("^#*") and not step.isdigit())


def _leaves(files: Sequence[Path]) -> list[tuple[str, Any]]:
    """Return the path and value of all fields in the first rows of JSON."""
    rows = (row for row in first_json(files) or () if isinstance(row, dict))
    return [leaf for row in rows for leaf in json_lists.fields(row)]


def way_out(files: Sequence[Path], nearest: Trial | None, *, named: bool = False) -> str:
    """Say what to do about files that no reader fits, or that the named reader does not fit."""
    if kind := _kind(files, nearest):
        return str(kind.get("todo", f"write JSON lines with offsets: {_JSON_LINES}"))
    if slip := _slip(files, first_json(files)):
        return slip
    if nearest is not None and "one sentence" in (nearest.doubt or ""):
        return (
            "part the sentences by empty lines, or name the column that only the first row of a "
            "sentence fills, or that numbers it, as in --option sentence_column=0"
        )
    if nearest is not None and nearest.misplaced and not nearest.doubt:
        return (
            "correct the offsets: they are half-open counts of characters from 0, and a byte order "
            "mark before a text is one; look for counts from 1, of bytes or UTF-16, for CRLF, and "
            "for other letter case"
        )
    find = "leave out --reader, so that the one that fits is found, or give its --option K=V"
    first = find if named else _OPTIONS
    return (
        f"{first}; or convert the files to JSON lines of this form:\n"
        f"    {_JSON_LINES}\n"
        "  or write a reader; CONTRIBUTING.md shows the skeleton of one"
    )


def _slip(files: Sequence[Path], rows: Sequence[Any] | None) -> str | None:
    """Say what to do about files that become readable with one change; None for other files."""
    file = files[0]
    if file.is_dir():
        parts = [path for path in file.rglob("*.ann") if not path.with_suffix(".txt").is_file()]
        return f"put {parts[0].stem}.txt beside {parts[0].name}, and so on" if parts else None
    objects = [row for row in rows or () if isinstance(row, dict)]
    if numbers := [key for row in objects for key in _numbered(row)]:
        names = '["O", "B-PER", "I-PER"]'
        return f"say what the numbers in {numbers[0]!r} mean: add --option 'tag_names={names}'"
    for path, value in _leaves(files):
        if path.rsplit(".", 1)[-1].lower() in _PLACES and not isinstance(value, int | list | dict):
            return (
                f"the places in {path!r} are no whole numbers, as {value!r:.40} is: write "
                '{"start": 0, "end": 3}'
            )
        if path.rsplit(".", 1)[-1].lower() in FIELDS["label"] and str(value).isdigit():
            return f"the labels in {path!r} are numbers: write their names in their place"
    return None


def _numbered(row: dict[str, Any]) -> list[str]:
    """Return the fields that hold a list of integers as long as some list of strings in the row."""
    lists = {key: value for key, value in row.items() if isinstance(value, list) and value}
    words = {len(v) for v in lists.values() if all(isinstance(x, str) for x in v)}
    return [k for k, v in lists.items() if len(v) in words and all(type(x) is int for x in v)]


def holds_annotation(field: str) -> bool:
    """Whether the name of a field says that it holds annotations."""
    return field.lower().rpartition(".")[2] in FIELDS["annotation"]


def first_row(files: Sequence[Path]) -> str:
    """Return the first row of the files with all its fields, each shortened."""
    rows = first_json(files)
    if rows and isinstance(rows[0], dict):
        return "; ".join(f"{key} = {f'{value!r}'[:_SHOWN]}" for key, value in rows[0].items())[:600]
    if rows:
        return f"{rows[0]!r}"[:300]
    file = files[0]
    if file.is_dir():
        return ", ".join(sorted(p.name for p in file.rglob("*") if p.is_file())[:6])
    with file.open("rb") as stream:
        lines = stream.read(4096).decode("utf-8", "replace").splitlines()
    return " | ".join(f"{line!r}" for line in lines[:3])[:400]
