"""What to say of files that no reader fits: what stands in the way, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.adding import json_lists, tags
from pipeline.adding.candidates import first_json
from pipeline.adding.excerpts import head_of
from pipeline.adding.field_names import FIELDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.adding.fitting import Trial

_SHOWN: Final = 72
_OPTIONS: Final = (
    "name the reader with --reader and its options with --option (`iepile new ID` lists them)"
)
_PLACES: Final = frozenset((*FIELDS["start"], *FIELDS["end"], "span", "offset", "offsets"))


def refusal(nearest: Trial | None, files: Sequence[Path]) -> str:
    """Why nothing fits: the nearest reading, what is wrong with it, and the first row."""
    lines = ["no reader fits these files"]
    if nearest is not None:
        why = nearest.found.doubt or nearest.torn or nearest.found.problem
        name = nearest.dataset.reader["name"]
        lines.append(f"the nearest is {name}: {why or 'it finds no annotation'}"[:400])
    lines.append(f"the first row: {first_row(files)}")
    return "\n  ".join(lines)


def way_out(files: Sequence[Path], nearest: Trial | None, *, named: bool = False) -> str:
    """What to do about files that no reader fits, or not the one that is named."""
    if slip := _slip(files, first_json(files)):
        return slip
    if nearest is not None and "one sentence" in (nearest.found.doubt or ""):
        return (
            "part the sentences by empty lines, or name the column that only the first row of a "
            "sentence fills, or that numbers it, as in --option sentence_column=0"
        )
    if nearest is not None and nearest.misplaced and not nearest.found.doubt:
        return (
            "correct the offsets: they are half-open counts of characters from 0, and a byte order "
            "mark before a text is one; look for counts from 1, of bytes or UTF-16, for CRLF, and "
            "for other letter case"
        )
    find = "leave out --reader, so that the one that fits is found, or give its --option K=V"
    first = find if named else _OPTIONS
    return (
        f"{first}; or convert the files to JSON lines of this form:\n"
        '    {"text": "Ada met Tom", "entities": [{"start": 0, "end": 3, "label": "PER"}]}\n'
        "  or write a reader; CONTRIBUTING.md shows the skeleton of one"
    )


def _slip(files: Sequence[Path], rows: Sequence[Any] | None) -> str | None:
    """What to do about files that need one change to be read."""
    file = files[0]
    if file.is_dir():
        parts = [path for path in file.rglob("*.ann") if not path.with_suffix(".txt").is_file()]
        return f"put {parts[0].stem}.txt beside {parts[0].name}, and so on" if parts else None
    objects = [row for row in rows or () if isinstance(row, dict)]
    if numbers := [key for row in objects for key in _numbered(row)]:
        names = '["O", "B-PER", "I-PER"]'
        return f"say what the numbers in {numbers[0]!r} mean: add --option 'tag_names={names}'"
    leaves = [(path, value) for row in objects for path, value in json_lists.fields(row)]
    for path, value in leaves:
        words = value.split() if isinstance(value, str) else ()
        if len(words) > 1 and (style := tags.style(words)) and style.certain:
            return (
                f"the tags in {path!r} are one string: write lists, as in "
                '{"tokens": ["Ada", "left"], "ner_tags": ["B-PER", "O"]}'
            )
    for path, value in leaves:
        if path.rsplit(".", 1)[-1].lower() in _PLACES and not isinstance(value, int | list | dict):
            return (
                f"the places in {path!r} are no whole numbers, as {value!r:.40} is: write "
                '{"start": 0, "end": 3}'
            )
    first = head_of(file).lstrip()
    line = first.splitlines()[0].rstrip() if first else b""
    if line[:1] == b"{" and line[-2:] == b"},":
        return "its lines end in commas: take them away, with `sed 's/,$//' FILE > NEW`"
    if line[:1] == b"{" and (rows is None or not objects):
        return "one object of JSON a line is wanted: write them so with `jq -c . FILE > NEW`"
    return None


def _numbered(row: dict[str, Any]) -> list[str]:
    """Fields of a row that hold a list of numbers as long as one of strings."""
    lists = {key: value for key, value in row.items() if isinstance(value, list) and value}
    words = {len(v) for v in lists.values() if all(isinstance(x, str) for x in v)}
    return [k for k, v in lists.items() if len(v) in words and all(type(x) is int for x in v)]


def first_row(files: Sequence[Path]) -> str:
    """The first row of the files with all its fields, each cut short."""
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
