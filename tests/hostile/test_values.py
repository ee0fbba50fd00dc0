"""JSON of every reader with one value replaced: what a record loses is counted, never passed over.

Each value of the largest row of a sample is replaced, by one of another type or far out of range.
Afterwards the row is rejected, or an error names it, or it says as much as before.
"""

import json
from functools import cache
from itertools import product

import pytest

from pipeline import catalog
from pipeline.catalog import raw_files
from pipeline.config import Normalize
from pipeline.errors import PipelineError
from tests import promises
from tests.conftest import ROOT
from tests.helpers import each
from tests.hostile.toys import Toy, ner, normalized, span_rows
from tests.inputs import BOM, DEEP, MISSING, NO_JSON, VALUES

SAMPLE = ROOT / "raw" / "sample"
#: Where null says that there is none, by the format's own account.
MAY_BE_NULL = {"trigger", "arguments", "event_list", "argument_start_index"}
#: An open format: what is no slot, such as a free remark beside the slots, is passed over.
OPEN = {"phee_json"}


@cache
def samples():
    """Reader -> (dataset, rows or document, whether it is JSON lines) of its JSON samples."""
    found = {}
    for name in catalog.ids():
        dataset = catalog.load(name)
        reader = dataset.reader["name"]
        folder, manifest = raw_files.edition(dataset, SAMPLE)
        path = folder / next(iter(manifest.splits.values())).files[0].path
        path = min(path.rglob("*.json"), default=path) if path.is_dir() else path
        if reader in found or path.is_dir() or path.read_bytes().lstrip()[:1] not in (b"[", b"{"):
            continue
        values = parsed(path.read_text(encoding="utf-8-sig"))
        if values is not None:
            found[reader] = dataset, values
    return found


def parsed(text):
    """The largest row of an array or of JSON lines, in a list; or one document as it is."""
    try:
        rows = json.loads(text)
    except ValueError:
        rows = []
        for line in text.split("\n"):
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue
    if isinstance(rows, dict):
        return rows if len(rows) < 2 or "content" in rows else dict([*rows.items()][:2])
    return [max(rows, key=lambda row: len(json.dumps(row)))] if rows else None


def places(value, path=()):
    """The path of every value; of a list, its first item and, if that is another type, its last."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, own in value.items():
            yield from places(own, (*path, key))
    elif isinstance(value, list) and value:
        yield from places(value[0], (*path, 0))
        if type(value[0]) is not type(value[-1]):
            yield from places(value[-1], (*path, len(value) - 1))


def at(value, path):
    for key in path:
        value = value[key]
    return value


def said_in(records):
    """How many annotations records have."""
    return sum(
        sum(m.label is not None for m in record.mentions)
        + len(record.relations)
        + len(record.events)
        + sum(len(event.arguments) for event in record.events)
        for record in records
    )


@pytest.mark.parametrize("reader", samples())
def test_a_replaced_value_is_never_passed_over(reader, tmp_path):
    dataset, values = samples()[reader]
    path, records, rejects = tmp_path / "a.json", [], []

    def result():
        path.write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
        reading = promises.read(dataset, [path])
        records.extend(reading.records)
        rejects.extend(reading.rejects)
        return said_in(reading.records), reading.rejects, reading.unknown

    before, lost_before, _ = result()

    def told(place, what):
        parent, key = at(values, place[:-1]), place[-1]
        old, new = parent[key], VALUES[what]
        if new == [] and isinstance(old, list):
            return  # nothing there is a legal thing to say
        if (new == {} and isinstance(old, dict)) or (isinstance(values, list) and len(place) == 1):
            return
        try:
            parent[key] = new
            after, lost, unknown = result()
        except PipelineError as problem:
            promises.explained(problem)
            assert problem.todo
            return
        finally:
            parent[key] = old
        silent = after < before and len(lost) <= len(lost_before) and not unknown
        allowed = reader in OPEN or (what in ("null", "no string") and key in MAY_BE_NULL)
        assert not silent or allowed

    each(product([*places(values)], VALUES), told)
    promises.stored(dataset, records, rejects, path)


TEXT = "Ada met Bo in Oslo. Cy left."
OFFSETS = {
    "negative start": ({"start": -1, "end": 3}, "offset_out_of_text"),
    "negative end": ({"start": 0, "end": -1}, "offset_out_of_text"),
    "swapped": ({"start": 3, "end": 0}, "offset_out_of_text"),
    "empty": ({"start": 3, "end": 3}, "offset_out_of_text"),
    "past the end": ({"start": 0, "end": 29}, "offset_out_of_text"),
    "far past the end": ({"start": 2**40, "end": 2**40 + 3}, "offset_out_of_text"),
    "beyond 64 bits": ({"start": 0, "end": 2**70}, "malformed_record"),
    "floats": ({"start": 0.0, "end": 3.0}, "malformed_record"),
    "booleans": ({"start": False, "end": True}, "malformed_record"),
    "strings": ({"start": "0", "end": "3"}, "malformed_record"),
    "null": ({"start": None, "end": None}, "malformed_record"),
    "missing": ({}, "malformed_record"),
    "another string": ({"start": 0, "end": 3, "text": "Bo"}, "offset_mismatch"),
    "the end included": ({"start": 0, "end": 2, "text": "Ada"}, "offset_mismatch"),
    "no label": ({"start": 0, "end": 3, "label": None}, "malformed_record"),
    "a label that is a number": ({"start": 0, "end": 3, "label": 1}, "malformed_record"),
}


@pytest.mark.parametrize("case", OFFSETS)
def test_an_offset_that_is_none_rejects_its_record(case, tmp_path):
    span, reason = OFFSETS[case]
    row = {"text": TEXT, "entities": [{"label": "person", **span}]}
    good = {"text": "Bo sleeps.", "entities": [{"start": 0, "end": 2, "label": "person"}]}
    files = {"train": f"{json.dumps(row)}\n{json.dumps(good)}\n".encode()}

    own = normalized(tmp_path, ner(["person"], files))["splits"]["train"]

    assert own["rejects"] == {reason: 1}
    assert (own["rows"], own["records"], own["entities"]) == (2, 1, 2)


def test_a_mention_across_sentences_is_legal(tmp_path):
    content = span_rows((TEXT, [(TEXT.index("Oslo"), TEXT.index("Cy") + 2, "person")]))

    own = normalized(tmp_path, ner(["person"], {"train": content}))["splits"]["train"]

    assert (own["records"], own["rejects"]) == (1, {})


#: A line between two good ones -> the reason of its reject, or None where it is read.
LINES = {
    **{
        f"{name} as a value": (b'{"text": "x", "entities": [], "more": %s}' % value, "malformed_json")
        for name, value in NO_JSON.items()
    },
    **{
        f"{name} as a value": (b'{"text": "x", "entities": [], "more": %s}' % value, None)
        for name, value in MISSING.items()
    },
    "NaN beside 100,000 levels": (
        b'{"text": "x", "entities": [], "more": [NaN, %s]}' % (b"[" * DEEP + b"]" * DEEP), "malformed_json",
    ),
    "a key twice, spelled apart": (b'{"text": "x", "\\u0074ext": "y", "entities": []}', "malformed_json"),
    "a key twice, two blanks behind one": (
        b'{"text": "x y", "entities": [], "entities"  : []}', "malformed_json",
    ),
    "a key twice, a tab behind both": (
        b'{"text": "x", "entities"\t: [], "entities" \t : []}', "malformed_json",
    ),
    "a key twice, a mark spelled apart": (
        rb'{"text": "\u0022: \u0022 : \\", "entities": [], "entities": []}', "malformed_json",
    ),
    "a key twice, the last one longer": (
        b'{"text": "x", "entities": [], "entities": [{"start": 0, "end": 1, "label": "person"}]}',
        "malformed_json",
    ),
    "no JSON": (b"Ada met Bo", "malformed_json"),
    "single quotes": (b"{'text': 'x', 'entities': []}", "malformed_json"),
    "a comment": (b'{"text": "x", "entities": []} // x', "malformed_json"),
    "two objects": (b'{"text": "x", "entities": []}{}', "malformed_json"),
    "a number": (b"5", "malformed_record"),
    "null": (b"null", "malformed_record"),
    "no text": (b'{"entities": []}', "malformed_record"),
    "no entities": (b'{"text": "x"}', "unlabeled"),
    "empty text": (b'{"text": "", "entities": []}', "empty_text"),
    "blank text": ('{"text": "\u3000\u2028", "entities": []}'.encode(), "empty_text"),
    "NUL escaped": (rb'{"text": "a\u0000b is read as it is", "entities": []}', None),
    "astral escaped": (rb'{"text": "\ud83d\ude00 is read as it is", "entities": []}', None),
    "a slash escaped": (rb'{"text": "a\/b is read as it is", "entities": []}', None),
    "a quoted mark of a key": (rb'{"text": "he said \": and \" : too", "entities": []}', None),
    "marks and blanks in a text": (
        rb'{"text"  : "\\\" : \u0022 \\\\\" is read", "entities"  : []}', None,
    ),
    "CR at the end": (b'{"text": "read as it is", "entities": []}\r', None),
    "BOM before": (BOM + b'{"text": "x", "entities": []}', "malformed_json"),
}  # fmt: skip


@pytest.mark.parametrize("case", LINES)
def test_a_line_of_json_that_is_none_is_one_reject(case, tmp_path):
    line, reason = LINES[case]
    good = span_rows(("Ada is here", [(0, 3, "person")]), ("Bo is there", [(0, 2, "person")]))
    first, last = good.splitlines(keepends=True)

    own = normalized(tmp_path, ner(["person"], {"train": first + line + b"\n" + last}))
    own = own["splits"]["train"]

    assert own["rejects"] == ({reason: 1} if reason else {})
    assert (own["rows"], own["records"]) == (3, 2 + (reason is None))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'[{"text": "x", "entities": []}, {"text": "x", "text": "y"}]', "'text' stands twice"),
        (b'[{"text": "x",\n "entities"\n : [],\n "entities"\n : []}]', "'entities' stands twice"),
        (b"[" * DEEP, "not a JSON document"),
        (b"[1, 2", "not a JSON document"),
        (b"[]", "hold no record"),
        (b"\n \n", "hold no record"),
        (b"", "is empty"),
    ],
)
def test_an_array_that_is_none_is_an_error(content, words, tmp_path):
    with promises.refused(words):
        normalized(tmp_path, ner(["person"], {"train": content}))


def test_a_relation_that_stands_twice_in_a_file_of_relations(tmp_path):
    content = (
        b'{"P1": [{"tokens": ["a", "b"], "h": ["a", "", [[0]]], "t": ["b", "", [[1]]]}], "P1": []}'
    )
    toy = Toy(
        {"tasks": ["RE"], "reader": {"name": "fewrel"}, "labels": {"relation": ["P1"]}},
        {"train": content},
    )

    with promises.refused("'P1' stands twice"):
        normalized(tmp_path, toy)


def test_ids_that_stand_twice_keep_both_records(tmp_path):
    rows = [{"id": "same", "text": f"Ada is number {n}", "entities": []} for n in range(3)]
    toy = ner(
        ["person"],
        {"train": "\n".join(map(json.dumps, rows)).encode()},
        reader={"name": "span_json", "source_id": "id"},
    )

    own = normalized(tmp_path, toy, Normalize())["splits"]["train"]

    assert (own["rows"], own["records"], own["rejected"]) == (3, 3, 0)
