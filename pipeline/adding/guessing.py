"""What files in a known format say of themselves: language, columns, fields, tag scheme, labels.

A guess is a start: `settled` then changes one option at a time while the files are read better.
Options that the user gave are never changed; where they fit badly, that is said instead.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from functools import cache
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline import catalog
from pipeline.adding import fitting, mistakes
from pipeline.errors import DeclarationError
from pipeline.readers._source import decode, lines
from pipeline.readers.pair_table import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset

_HEAD: Final = 1 << 16
_LINES: Final = 2000
_ESCAPED: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
_NO_ASCII: Final = re.compile(rb"[\x80-\xff]+")
_CHINESE: Final = re.compile(r"[\u3400-\u9fff]")
_TAG: Final = re.compile(r"([BIMESLU])[-_].+")
_COUNT: Final = re.compile(r"\d+([-.]\d+)?")
_WORDS: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|[\s_-]+")
#: Labels that say that there is no relation.
NO_RELATION: Final = frozenset({"na", "none", "no_relation", "no relation", "other", "negative"})
#: What the fields of JSON rows are called elsewhere.
_ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "text": ("sentence", "content", "sentText", "sent", "tokens", "words", "context"),
    "tokens": ("words", "token", "text", "sentence"),
    "tags": ("ner", "labels", "label", "ner_labels", "bio", "tag"),
    "spans": ("entities", "spans", "label", "labels", "ner", "annotations", "entity_list"),
    "start": ("start", "begin", "start_offset", "start_idx", "start_index", "offset"),
    "end": ("end", "stop", "end_offset", "end_idx", "end_index"),
    "label": ("label", "type", "entity_type", "tag", "category"),
    "mention": ("text", "mention", "entity", "word", "surface", "name", "span"),
    "id": ("doc_id", "docid", "uid"),
    "spo_list": ("triples", "triple_list", "relations", "relationMentions", "spos", "labels"),
    "predicate": ("relation", "label", "p", "rel", "relation_type", "type"),
    "subject": ("head", "h", "s", "subj", "em1Text", "e1"),
    "object": ("tail", "t", "o", "obj", "em2Text", "e2"),
    "subject_type": ("head_type", "h_type", "subj_type"),
    "object_type": ("tail_type", "t_type", "obj_type"),
    "event_list": ("events", "event_mentions", "labels"),
    "event_type": ("type", "label", "event"),
    "trigger": ("trigger_word", "word", "mention"),
    "trigger_start_index": ("trigger_start", "start", "trigger_offset"),
    "arguments": ("args", "argument_list", "roles"),
    "role": ("type", "label", "argument_role"),
    "argument": ("text", "mention", "word", "entity", "value"),
    "argument_start_index": ("start", "argument_start", "offset", "start_index"),
}
#: What the columns of a pair table are called elsewhere, in lower case.
_HEADERS: Final[dict[str, tuple[str, ...]]] = {
    "text": ("sentence", "content", "sent", "context"),
    "head": ("head_text", "head_entity", "subject", "subj", "entity1", "entity_1", "e1", "h", "s"),
    "tail": ("tail_text", "tail_entity", "object", "obj", "entity2", "entity_2", "e2", "t", "o"),
    "relation": ("label", "predicate", "relation_type", "rel", "type", "class", "r", "p"),
}
#: Reader -> the list that holds the fields -> their names in the reader.
_ROWS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "spo_json": {
        "": ("text", "id", "spo_list"),
        "spo_list": ("predicate", "subject", "object", "subject_type", "object_type"),
    },
    "event_json": {
        "": ("text", "id", "event_list"),
        "event_list": ("event_type", "trigger", "trigger_start_index", "arguments"),
        "arguments": ("role", "argument", "argument_start_index"),
    },
}


def language(files: Sequence[Path], encoding: str = "utf-8") -> str:
    """Say zh where a fifth of the letters are Chinese, else en."""
    letters = chinese = 0
    for file in files:
        paths = sorted(file.rglob("*.txt"))[:50] if file.is_dir() else [file]
        for path in paths:
            with path.open("rb") as stream:
                text = decode(stream.read(_HEAD), encoding)
            text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
            letters += sum(map(str.isalpha, text))
            chinese += len(_CHINESE.findall(text))
    return "zh" if chinese * 5 > letters else "en"


def encoding(head: bytes) -> str | None:
    """The encoding that the first bytes of a file look like; None for UTF-8.

    A few lines that are no UTF-8 are slips, which readers reject; XML names its encoding itself.
    """
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or head.count(0) * 3 > len(head):
        return "utf-16"
    rows = head.splitlines()
    strange = [row for row in rows if not row.isascii()]
    broken = [row for row in strange if not _is_utf8(row)]
    if head.startswith(b"<?xml") or len(broken) * 2 <= len(strange) or len(broken) * 50 < len(rows):
        return None
    # A Chinese character is two bytes, of which most are no ASCII; a letter with an accent is one.
    runs = [len(run) for row in broken for run in _NO_ASCII.findall(row)]
    return "gb18030" if sum(runs) >= 2 * len(runs) else "latin-1"


def _is_utf8(raw: bytes) -> bool:
    """Whether bytes are UTF-8, or CESU-8; they may end within a character."""
    try:
        codecs.getincrementaldecoder("utf-8")("surrogatepass").decode(raw)
    except UnicodeDecodeError:
        return False
    return True


def settled(dataset: Dataset, given: Mapping[str, Any], files: Sequence[Path]) -> Dataset:
    """The dataset with the reader's options that fit the files best, those given included."""

    def under(options: Mapping[str, Any]) -> Dataset:
        reader = {"name": dataset.reader["name"], **options}
        return msgspec.structs.replace(dataset, reader=reader)

    name = dataset.reader["name"]
    starts = [under({**_start(name, given, files), **given})]
    if given:
        # What the files say by themselves: a wrong option would hide what the others should be.
        free = under(_start(name, {}, files))
        while change := mistakes.better(free, files):
            free = under(change.reader)
        starts.insert(0, under({**free.reader, **given}))
    best = max(starts, key=lambda d: fitting.fit(d, files).score)
    while change := mistakes.better(best, files):
        touched = {k for k, v in change.reader.items() if best.reader.get(k) != v}
        if wrong := sorted(touched & {*given}):
            raise DeclarationError(
                f"likely mistake: {mistakes.explained(best, change)}",
                where=", ".join(map(str, files)),
                todo=f"leave out --option {wrong[0]}=..., or correct it",
            )
        best = under(change.reader)
    return best


def _start(reader: str, given: Mapping[str, Any], files: Sequence[Path]) -> dict[str, Any]:
    """The options that can be seen in the first lines or the first row."""
    if reader == "columns":
        return _columns(given, files)
    if reader == "pair_table":
        return _table(given, files)
    row = mistakes.first_row(files)
    if reader == "span_json":
        return _span_fields(row, given)
    if reader == "tagged_json":
        return _tag_fields(row, given)
    return _fields(reader, row, given) if reader in _ROWS and row else {}


def _table(given: Mapping[str, Any], files: Sequence[Path]) -> dict[str, Any]:
    first = next((line for f in files for _, line in lines(f) if line.strip()), "")
    found: dict[str, Any] = {"separator": ","} if "\t" not in first and "," in first else {}
    separator = {**found, **given}.get("separator") or "\t"
    tables = [[row for _, row in islice(table(f, separator), fitting.ROWS)] for f in files]
    rows = next(iter(tables), [])
    named = bool(rows) and {*mistakes.PAIR} <= {name.strip() for name in rows[0]}
    if (named and "columns" not in given) or not all(map(_headed, tables)):
        return found
    names = [name.strip() for name in rows[0]]
    places = {name: i for name in mistakes.PAIR if (i := _place(name, names)) is not None}
    if len({*places.values()}) == len(mistakes.PAIR):
        for name, place in places.items():
            names[place] = name
        found["columns"] = names
    return {**found, "header": True}


def _headed(rows: Sequence[Sequence[str]]) -> bool:
    """Whether a table has a header: nothing in its first row stands in the text or returns below.

    The text is the longest column; in most other rows two columns, head and tail, stand in it.
    """
    width = len(rows[0]) if rows else 0
    below = [row for row in rows[1:] if len(row) == width]
    if not below:
        return False
    text = max(range(width), key=lambda i: sum(len(row[i]) for row in below))

    def standing(row: Sequence[str]) -> int:
        return sum(bool(cell) and cell in row[text] for i, cell in enumerate(row) if i != text)

    pairs = sum(standing(row) > 1 for row in below)
    returning = any(row[i] == cell for i, cell in enumerate(rows[0]) for row in below)
    return pairs * 2 > len(below) and not standing(rows[0]) and not returning


def _place(name: str, names: Sequence[str]) -> int | None:
    """The place of a column of a pair table among the names of a header."""
    known = (name, *_HEADERS[name])
    return next((i for own in known for i, n in enumerate(names) if n.lower() == own), None)


def _columns(given: Mapping[str, Any], files: Sequence[Path]) -> dict[str, Any]:
    encoding = given.get("encoding", "utf-8")
    raw = [line for f in files for line in ("", *_first_lines(f, encoding))]
    found: dict[str, Any] = {} if "comment" in given else _comment(raw)
    rows = [*_uncommented(raw, {**found, **given}.get("comment", ""))]
    separator = given.get("separator")
    if separator is None:
        separator = next((s for s in ("\t", " ", "") if _regular(rows, s)), "")
    cells = [row.split(separator) if separator else row.split() for row in rows]
    found["separator"] = separator
    width = min(map(len, cells), default=0)
    columns = [*zip(*(row[:width] for row in cells), strict=True)]
    tagged = [i for i, c in enumerate(columns) if any(map(_TAG.fullmatch, c)) and _tags_only(c)]
    if tagged and "tag_column" not in given:
        place = tagged[-1]
        if place != width - 1 or any(len(row) != width for row in cells):
            found["tag_column"] = place
        if place == 0 or (place > 1 and all(map(_COUNT.fullmatch, columns[0]))):
            found["token_column"] = 1
    tag_column = {**found, **given}.get("tag_column", -1)
    if columns and tag_column < width and (scheme := _scheme(columns[tag_column])):
        found["scheme"] = scheme
    return found


def _first_lines(file: Path, encoding: str) -> Iterator[str]:
    return (line for _, line in islice(lines(file, encoding), _LINES))


def _comment(rows: Sequence[str]) -> dict[str, str]:
    """The option `comment`, where most lines above sentences that begin with # hold no tag."""
    above = [
        row for before, row in pairwise(rows) if row.startswith("#") and not before.strip(" \t")
    ]
    tagged = sum(any(w == "O" or _TAG.fullmatch(w) for w in row.split()) for row in above)
    if tagged * 2 >= len(above):
        return {}
    # A hashtag that is the first token of a sentence has no blank.
    return {"comment": "# " if all(row.startswith("# ") for row in above) else "#"}


def _uncommented(rows: Iterable[str], comment: str) -> Iterator[str]:
    """The rows of tokens, as the reader takes them."""
    inside = False
    for row in rows:
        if not row.strip(" \t") or row.startswith("-DOCSTART-"):
            inside = False
        elif inside or not (comment and row.startswith(comment)):
            inside = True
            yield row


def _regular(rows: Sequence[str], separator: str) -> bool:
    widths = {len(row.split(separator or None)) for row in rows}
    return len(widths) == 1 and widths != {1}


def _tags_only(column: Iterable[str]) -> bool:
    return all(tag == "O" or _TAG.fullmatch(tag) for tag in column)


def _scheme(tags: Sequence[str]) -> str | None:
    """The tag scheme that the prefixes tell; None where there are none."""
    prefixes = {found[1] for tag in tags if (found := _TAG.fullmatch(tag))}
    if not prefixes or not _tags_only(tags):
        return None
    if "M" in prefixes:
        return "BMES"
    if prefixes - {"B", "I"}:
        return "BIOES"
    opens = any(b[0] == "I" and a == "O" for a, b in zip(("O", *tags), tags, strict=False))
    return "IOB1" if opens else "IOB2"


def _span_fields(row: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Where text and spans stand in a row, and start, end, label and string in a span."""
    found = {
        name: own
        for name in ("text", "spans")
        if name not in given and (own := _named(name, row)) is not None
    }
    spans = row.get({"spans": "entities", **found, **given}["spans"])
    text = row.get({"text": "text", **found, **given}["text"])
    if isinstance(text, list) and "unit" not in given:
        found["unit"] = "tokens"
    if isinstance(spans, dict) and "layout" not in given:
        found["layout"] = "by_label"
    first: Any = spans[0] if isinstance(spans, list) and spans else None
    names: list[tuple[str, Any]] = []
    if isinstance(first, list):
        numbers = [i for i, v in enumerate(first) if isinstance(v, int)][:2]
        strings = [i for i, v in enumerate(first) if isinstance(v, str)]
        strings.sort(key=lambda i: isinstance(text, str) and first[i] in text)
        names = [*zip(("start", "end"), numbers, strict=False)]
        names += [*zip(("label", "mention"), strings, strict=False)]
    elif isinstance(first, dict):
        names = [(name, _named(name, first)) for name in ("start", "end", "label", "mention")]
    return found | {k: v for k, v in names if k not in given and v is not None}


def _tag_fields(row: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Where tokens and tags stand in a row."""
    own = {"tokens": "tokens", "tags": "ner_tags"}
    lacking = [name for name in own if name not in given and own[name] not in row]
    return {name: key for name in lacking if (key := _named(name, row)) is not None}


def _fields(reader: str, row: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The option `fields`: every field of the reader that stands in the row under another name."""
    own = dict(given.get("fields", {}))
    parts: dict[str, Mapping[str, Any]] = {"": row}
    for level, names in _ROWS[reader].items():
        part = parts.get(level, {})
        for name in names:
            if name not in own and (other := _named(name, part)) not in (None, name):
                own[name] = other
            inner = part.get(own.get(name, name))
            if isinstance(inner, list) and inner and isinstance(inner[0], dict):
                parts[name] = inner[0]
    return {"fields": own} if own else {}


def _named(name: str, part: Mapping[str, Any]) -> Any:
    """The key of a JSON object that is the field `name`, or None.

    Where no name tells, the text is the longest string, and the spans a list of lists or objects.
    """
    found = next((key for key in (name, *_ALIASES[name]) if key in part), None)
    if found is None and name == "text":
        strings = {key: len(value) for key, value in part.items() if isinstance(value, str)}
        return max(strings, key=lambda key: strings[key], default=None)
    if found is None and name == "spans":
        lists = [k for k, v in part.items() if isinstance(v, list) and v]
        return next((k for k in lists if isinstance(part[k][0], list | dict)), None)
    return found


@cache
def _known_names(language: str) -> dict[str, str]:
    """Raw label -> the readable name that most datasets of a language have for it."""
    votes: dict[str, Counter[str]] = {}
    for name in catalog.ids():
        dataset = catalog.load(name)
        if dataset.language == language:
            for kind in ("entity", "relation", "event", "role"):
                for raw, readable in dataset.names(kind).items():
                    if raw != readable:
                        votes.setdefault(raw, Counter())[readable] += 1
    return {raw: min(own, key=lambda n: (-own[n], n)) for raw, own in votes.items()}


def readable(labels: Iterable[str], language: str) -> dict[str, str]:
    """Raw label -> a readable name: as in other datasets, or the words that it is made of."""
    names: dict[str, str] = {}
    for raw in labels:
        words = [w for w in _WORDS.split(raw) if w]
        acronym = raw.isupper() and len(raw) <= 4
        plain = raw if acronym or not words else " ".join(words)
        if language == "en" and not acronym:
            plain = plain.lower()
        name = _known_names(language).get(raw, plain)
        names[raw] = raw if name in names.values() else name
    return names


def prepared(labels: Mapping[str, Counter[str]], language: str) -> dict[str, Any]:
    """The tables of [labels] for the raw labels that were counted."""
    found: dict[str, Any] = {}
    for kind, counts in labels.items():
        nothing = {raw for raw in counts if kind == "relation" and raw.lower() in NO_RELATION}
        if nothing:
            found["no_relation"] = sorted(nothing)
        names = readable(sorted({*counts} - nothing), language)
        if names:
            same = all(raw == name for raw, name in names.items())
            found[kind] = [*names] if same else names
    return found
