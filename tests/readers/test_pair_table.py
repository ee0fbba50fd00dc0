"""Tables of pairs: columns, quoting, offsets, and rows that are broken."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import RawFileError
from pipeline.records import Mention, Record, Reject, Relation
from tests.readers.reading import reader

read = reader("pair_table")

_TEXT = "Rosa Kern runs Tidal."


def _read(tmp_path, raw, **options):
    file = tmp_path / "f.tsv"
    file.write_bytes(raw.encode())
    return list(read([file], language="en", **options))


def test_the_first_row_names_the_columns(tmp_path):
    raw = f"relation\tnote\ttail\thead\ttext\r\nruns\t-\tTidal\tRosa Kern\t{_TEXT}\r\n"

    expected = Record(
        _TEXT, "f.tsv:2", [Mention("Rosa Kern"), Mention("Tidal")], [Relation("runs", 0, 1)]
    )
    assert _read(tmp_path, raw) == [expected]


def test_named_columns_with_offsets_and_document(tmp_path):
    columns = ["document", "text", "head", "head_start", "head_end", "tail", "relation"]
    raw = f"d1\t{_TEXT}\tRosa Kern\t0\t9\tTidal\truns\nd2\t{_TEXT}\t\t\t\t\t\n"

    expected = [
        Record(
            _TEXT,
            "f.tsv:1",
            [Mention("Rosa Kern", 0, 9), Mention("Tidal")],
            [Relation("runs", 0, 1)],
            source_id="d1",
        ),
        Record(_TEXT, "f.tsv:2", [], [], source_id="d2"),
    ]
    assert _read(tmp_path, raw, columns=columns) == expected


def test_quotation_marks_quote_only_between_commas(tmp_path):
    raw = 'text,head,tail,relation\n"Rosa, 40, says ""no"".",Rosa,40,age\n'
    (comma,) = _read(tmp_path, raw, separator=",")
    (tab,) = _read(tmp_path, 'text\thead\ttail\trelation\n"No\tNo\tRosa\tr\n')

    assert comma.text == 'Rosa, 40, says "no".'
    assert tab.text == '"No'


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"{_TEXT}\tRosa Kern\t0", "malformed_record"),
        (f"{_TEXT}\tRosa Kern\tx\t9\tTidal\truns", "malformed_record"),
        (f"{_TEXT}\tRosa Kern\t0\t\tTidal\truns", "malformed_record"),
    ],
)
def test_rows_that_cannot_be_read(tmp_path, row, reason):
    header = "text\thead\thead_start\thead_end\ttail\trelation\n"
    (item,) = _read(tmp_path, header + row + "\n")

    assert isinstance(item, Reject)
    assert (item.origin, item.reason, item.relations) == ("f.tsv:2", reason, 1)


def test_a_table_whose_columns_are_not_named(tmp_path):
    with pytest.raises(RawFileError, match="two columns are called 'text'"):
        _read(tmp_path, "text\ttext\thead\ttail\trelation\n")

    (item,) = _read(tmp_path, f"text\thead\ttail\n{_TEXT}\tRosa Kern\tTidal\n")
    assert isinstance(item, Reject)
    assert item.detail == "no field 'relation'; there are 'text', 'head', 'tail'"


_FIELD = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), min_size=1).filter(
    lambda text: text == text.strip()
)


@given(rows=st.lists(st.tuples(_FIELD, _FIELD, _FIELD, _FIELD), min_size=1))
def test_what_a_spreadsheet_writes_comes_back(tmp_path_factory, rows):
    file = tmp_path_factory.mktemp("table") / "f.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)

    records = list(
        read([file], language="en", columns=["text", "head", "tail", "relation"], separator=",")
    )

    found = [
        (r.text, r.mentions[pair.head].text, r.mentions[pair.tail].text, pair.label)
        for r in records
        for pair in r.relations
    ]
    assert found == rows


@pytest.mark.parametrize("separator", ["\t", ","])
def test_a_header_with_other_names_is_skipped_in_every_file(tmp_path, separator):
    rows = [["sentence", "e1", "e2", "label"], ["Ada runs Tidal.", "Ada", "Tidal", "runs"]]
    files = [tmp_path / name for name in ("a.csv", "b.csv")]
    for file in files:
        file.write_text("".join(f"{separator.join(row)}\n" for row in rows), encoding="utf-8")

    found = read(
        files,
        language="en",
        columns=["text", "head", "tail", "relation"],
        separator=separator,
        header=True,
    )

    assert [(r.text, r.relations[0].label, r.origin) for r in found] == [
        ("Ada runs Tidal.", "runs", "a.csv:2"),
        ("Ada runs Tidal.", "runs", "b.csv:2"),
    ]
