from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.records import Mention, Record, Reject
from tests.readers.reading import reader

read = reader("layered_columns")


def found(folder, content, **options):
    file = folder / "set.iob2"
    file.write_bytes(content.encode())
    return [*read([file], language="en", **options)]


def test_nested_entities(tmp_path):
    content = "\nthe\tO\tO\nhuman\tB-cell\tB-DNA\nIL\tO\tI-DNA\n\nnone\tO\tO\n"

    mentions = [Mention("human", 4, 9, "cell"), Mention("human IL", 4, 12, "DNA")]
    expected = [Record("the human IL", "set.iob2:2", mentions), Record("none", "set.iob2:6", [])]
    assert expected == found(tmp_path, content)


def test_entities_of_one_layer_touch(tmp_path):
    (record,) = found(tmp_path, "a\tB-X\tO\nb\tB-X\tO\n")

    assert [Mention("a", 0, 1, "X"), Mention("b", 2, 3, "X")] == record.mentions


def test_another_scheme_and_separator(tmp_path):
    (record,) = found(tmp_path, "a S-X B-Y\nb O E-Y\n", scheme="BIOES", separator=" ")

    assert [Mention("a", 0, 1, "X"), Mention("a b", 0, 3, "Y")] == record.mentions


@pytest.mark.parametrize(
    ("content", "reason", "detail", "entities"),
    [
        ("a\tB-X\tB-Y\nb\tO\n", "missing_column", "rows of 2 columns, where 3 are due", 2),
        ("a\nb\n", "missing_column", "rows of 1 columns, where 2 are due", 0),
        ("a\tB-X\tO\nb\tO\t?\n", "unknown_tag", "layer 2: '?' is no tag of IOB2", 1),
    ],
)
def test_a_broken_sentence_is_rejected_whole(tmp_path, content, reason, detail, entities):
    first, second = found(tmp_path, content + "\nc\tO\tO\n")

    text = "a b"
    assert Reject("set.iob2:1", reason, detail, text, entities=entities) == first
    assert second.text == "c"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), size=st.integers(1, 12))
def test_round_trip(tmp_path, data, size):
    tokens = [f"w{n}" for n in range(size)]
    layers, spans = [], []
    for layer in range(3):
        tags, n = ["O"] * size, 0
        while n < size:
            length = data.draw(st.integers(0, min(3, size - n)))
            tags[n : n + length] = [f"{'I' if i else 'B'}-L{layer}" for i in range(length)]
            if length:
                spans.append((n, n + length, f"L{layer}"))
            n += max(length, 1)
        layers.append(tags)
    rows = ("\t".join(row) for row in zip(tokens, *layers, strict=True))

    (record,) = found(tmp_path, "\n".join(rows))
    expected = [(" ".join(tokens[a:b]), label) for a, b, label in spans]
    assert expected == [(m.text, m.label) for m in record.mentions]
    assert all(record.text[m.start : m.end] == m.text for m in record.mentions)
