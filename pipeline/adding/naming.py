"""Find readable names for raw labels, and make the tables of [labels]."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson

from pipeline import catalog
from pipeline.adding.evidence import Survey
from pipeline.adding.json_lists import FIELDS
from pipeline.errors import RawFileError
from pipeline.readers._source import decode

_WORDS: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\s_-]+")
_CHINESE: Final = re.compile(r"[\u3400-\u9fff]")
_VOWEL: Final = re.compile(r"[aeiouyAEIOUY\u00c0-\uffff]")
#: Names that override those of other datasets.
_OWN_NAMES: Final = {"MISC": "miscellaneous", "Misc": "miscellaneous", "misc": "miscellaneous"}


@cache
def _known_names(language: str) -> dict[str, str]:
    """Map raw labels to the readable names that most datasets of a language use."""
    votes: dict[str, Counter[str]] = {}
    for name in catalog.ids():
        dataset = catalog.load(name)
        if dataset.language == language:
            for kind in ("entity", "relation", "event", "role"):
                for raw, readable in dataset.names(kind).items():
                    if raw != readable:
                        votes.setdefault(raw, Counter())[readable] += 1
    most = {raw: min(counts, key=lambda n: (-counts[n], n)) for raw, counts in votes.items()}
    return most | _OWN_NAMES


def readable(labels: Iterable[str], language: str, names: Mapping[str, str]) -> dict[str, str]:
    """Map raw labels to readable names: as given, as in other datasets, or from their words."""
    name_of: dict[str, str] = {}
    for raw in labels:
        words = [w for w in _WORDS.split(raw) if w]
        acronym = raw.isupper() and len(raw) <= 4
        plain = raw if acronym or not words else " ".join(words)
        if language != "zh" and not acronym:
            plain = plain.lower()
        name = names.get(raw) or _known_names(language).get(raw, plain)
        name_of[raw] = raw if name in name_of.values() else name
    return name_of


def tables(survey: Survey, language: str, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the tables of [labels] for the raw labels that were counted."""
    by_kind: dict[str, Any] = {}
    for kind, counts in survey.labels.items():
        none = {raw for raw in counts if kind == "relation" and is_no_relation(raw)}
        if none:
            by_kind["no_relation"] = sorted(none)
        name_of = readable(sorted({*counts} - none), language, names)
        if name_of:
            as_in_the_files = all(raw == name for raw, name in name_of.items())
            listed = as_in_the_files and not unreadable(name_of, language)
            by_kind[kind] = [*name_of] if listed else name_of
    return by_kind


def is_no_relation(relation: str) -> bool:
    """Whether this label of a relation means that there is none."""
    return relation.strip().lower() in FIELDS["no_relation"]


def unreadable(names: Mapping[str, str], language: str) -> list[str]:
    """Return raw labels whose names a model must guess at: codes, or words of another language."""
    return [raw for raw, name in names.items() if _is_code(name) or _foreign(name, language)]


def _is_code(name: str) -> bool:
    """Whether a name is an abbreviation or a number: HCCX, bod, Nh, P177, cr2."""
    if _CHINESE.search(name) or " " in name:
        return False
    short = len(name) <= 3 or name.isupper()
    return short or any(map(str.isdigit, name)) or not _VOWEL.search(name)


def _foreign(name: str, language: str) -> bool:
    """Whether a name is Latin in a Chinese dataset, or Chinese in another one."""
    return bool(_CHINESE.search(name)) != (language == "zh")


def names_in(path: Path) -> dict[str, str]:
    """Read raw label -> name: two columns of CSV or TSV, JSON, or lines of `name number`.

    Raises RawFileError if the file is none of these.
    """
    text = decode(path.read_bytes()).removeprefix("\ufeff")
    todo = "write two columns, the raw label and its name, or a JSON object {label: name}"
    try:
        value = orjson.loads(text)
    except ValueError:
        value = [row for row in _rows(text) if any(cell.strip() for cell in row)]
        if odd := next((row for row in value if len(row) != 2), None):
            what = f"a row has {len(odd)} columns: {odd!r:.80}"
            raise RawFileError(what, where=path, todo=todo) from None
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        value = {str(number): name for number, name in enumerate(value)}
    pairs = [*(value.items() if isinstance(value, dict) else value or ())]
    if not pairs or not all(isinstance(cell, str | int) for pair in pairs for cell in pair):
        raise RawFileError("this is not a table of names", where=path, todo=todo)
    cells = [(str(a).strip(), str(b).strip()) for a, b in pairs]
    # In a list of names with numbers, the number is the raw label, and stands second.
    number_second = all(b.isdigit() for _, b in cells) and not all(a.isdigit() for a, _ in cells)
    return {b: a for a, b in cells} if number_second else dict(cells)


def _rows(text: str) -> list[list[str]]:
    lines = text.splitlines()
    if lines and "\t" in lines[0]:
        return [line.split("\t") for line in lines]
    if lines and "," in lines[0]:
        return [*csv.reader(lines)]
    return [line.rsplit(None, 1) for line in lines]
