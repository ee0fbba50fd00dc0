from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.records import Mention, Record, Reject
from tests.readers.reading import reader

read = reader("pubtator")

TEXT = "Ferrazine-induced tremor. Two patients had tremor or chorea."
HEAD = "9021|t|Ferrazine-induced tremor.\n9021|a|Two patients had tremor or chorea.\n"


def found(folder, content):
    file = folder / "set.txt"
    file.write_bytes(content.encode())
    return [*read([file], language="en")]


def test_an_article(tmp_path):
    rows = (
        "9021\t0\t9\tFerrazine\tChemical\tC9001\n"
        "9021\t18\t24\ttremor\tDisease\t-1\t\n"
        "9021\t43\t59\ttremor or chorea\tDisease\tD014202|D002819\ttremor|chorea\n"
        "9021\tCID\tC9001\tD014202\n"
    )

    mentions = [
        Mention("Ferrazine", 0, 9, "Chemical"),
        Mention("tremor", 18, 24, "Disease"),
        Mention("tremor or chorea", 43, 59, "Disease"),
    ]
    expected = Record(TEXT, "set.txt:1", mentions, source_id="9021")
    assert [expected] == found(tmp_path, HEAD + rows + "\n")


def test_articles_apart_by_an_empty_line_by_blanks_or_by_nothing(tmp_path):
    content = "\n1|t|One.\n1|a|\n \n2|t|Two.\n2|a|More.\n3|t|Three | four.\n\n"

    expected = [
        Record("One.", "set.txt:2", [], source_id="1"),
        Record("Two. More.", "set.txt:5", [], source_id="2"),
        Record("Three | four.", "set.txt:7", [], source_id="3"),
    ]
    assert expected == found(tmp_path, content)


def test_one_character_parts_the_title_from_the_abstract(tmp_path):
    # The title's own blank counts, and so does the abstract's.
    content = "1|t|One. \n1|a| Two.\n1\t7\t10\tTwo\tX\t-1\n"

    expected = Record("One.   Two.", "set.txt:1", [Mention("Two", 7, 10, "X")], source_id="1")
    assert [expected] == found(tmp_path, content)


def test_stray_blanks_in_the_mention_column(tmp_path):
    (record,) = found(tmp_path, HEAD + "9021\t18\t24\ttremor  \tDisease \tD014202\n")

    assert [Mention("tremor", 18, 24, "Disease")] == record.mentions


def test_line_ends_and_byte_order_mark(tmp_path):
    (record,) = found(tmp_path, "\ufeff" + HEAD.replace("\n", "\r\n"))

    assert (record.text, record.source_id) == (TEXT, "9021")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("9021\t1\t10\tFerrazine\tChemical\tC9001", "offset_mismatch"),
        ("9021\t50\t500\tchorea\tDisease\tD1", "offset_out_of_text"),
        ("9021\t9\t9\t\tDisease\tD1", "offset_out_of_text"),
        ("9021\t-9\t9\tFerrazine\tChemical\tC9001", "offset_out_of_text"),
        ("9021\t0\t9\tFerrazine", "missing_column"),
        ("9021\t0x\t9\tFerrazine\tChemical\tC9001", "malformed_offset"),
        ("9022\t0\t9\tFerrazine\tChemical\tC9001", "other_article"),
        ("9021|a|A second abstract.", "missing_column"),
    ],
)
def test_a_broken_row_is_rejected_and_the_record_stays(tmp_path, row, reason):
    reject, record = found(tmp_path, HEAD + row + "\n")

    assert (reason, "set.txt:3", row) == (reject.reason, reject.origin, reject.excerpt)
    assert (reject.records, reject.entities) == (0, 1)
    assert Record(TEXT, "set.txt:1", [], source_id="9021") == record


def test_an_article_without_title(tmp_path):
    content = "9021|a|Two patients.\n9021\t0\t3\tTwo\tX\t-1\n9021\tCID\tC1\tD1\n"

    expected = Reject(
        "set.txt:1", "missing_title", "", "9021|a|Two patients.", records=1, entities=1
    )
    assert [expected] == found(tmp_path, content)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(), title=st.text("aé語\N{GRINNING FACE}|. ", max_size=9), abstract=st.text("bÅ-")
)
def test_round_trip(tmp_path, data, title, abstract):
    text = f"T{title} {abstract}."
    index = st.integers(0, len(text) - 1)
    spans = data.draw(st.lists(st.tuples(index, index).map(lambda s: (min(s), max(s) + 1))))
    rows = [f"7\t{start}\t{end}\t{text[start:end]}\tX\t-1" for start, end in spans]

    # A row that stands twice is one mention.
    mentions = [Mention(text[start:end], start, end, "X") for start, end in dict.fromkeys(spans)]
    content = "\n".join([f"7|t|T{title}", f"7|a|{abstract}.", *rows])
    assert [Record(text, "set.txt:1", mentions, source_id="7")] == found(tmp_path, content)
