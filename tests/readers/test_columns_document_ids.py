from __future__ import annotations

from tests.readers.reading import reader

read = reader("columns")


def test_the_marker_of_a_document_may_carry_its_id(tmp_path):
    file = tmp_path / "set.iob2"
    file.write_text(
        "###MEDLINE:9021\n\na\tO\n\nb\tO\n\n###MEDLINE:9022\n\nc\tO\n###MEDLINE:\nd\tO\n"
    )

    records = read([file], language="en", document_marker="###MEDLINE:")
    expected = [("a", "9021"), ("b", "9021"), ("c", "9022"), ("d", "set.iob2#3")]
    assert expected == [(r.text, r.source_id) for r in records]


def test_a_marker_without_id_counts_documents(tmp_path):
    file = tmp_path / "set.tsv"
    file.write_text("-DOCSTART-\tO\n\na\tO\n\n-DOCSTART-\tO\n\nb\tO\n")

    expected = [("a", "set.tsv#1"), ("b", "set.tsv#2")]
    assert expected == [(r.text, r.source_id) for r in read([file], language="en")]
