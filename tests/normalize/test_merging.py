"""Rows of one text become one record, as if the source were held whole."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.execution import shuffle
from pipeline.normalize.merging import merged
from pipeline.records import Argument, Event, Mention, Record, Relation, merge


def record(number, text):
    first = Mention(text[:1], 0, 1, ("person", None)[number % 2])
    # Equal but for the fragments: two mentions, before and after.
    second = Mention("loose", None, None, "place", discontinuous=number % 3 == 0)
    relations = [Relation("near", 0, 1, (Argument("since", number % 2),))]
    events = [Event("move", (None, 1)[number % 2], (Argument("who", 0),))]
    return Record(text, f"a.txt:{number}", [first, second], relations, events, f"doc {number % 4}")


def held_whole(rows):
    by_text = {}
    for ordinal, own in rows:
        by_text.setdefault(own.text, []).append((ordinal, own))
    return [(group[0][0], merge([own for _, own in group])) for group in by_text.values()]


@pytest.mark.parametrize("limit", [1, 300, 5_000, 10**6])
@given(
    st.lists(st.sampled_from(["Ada", "Ben is here", "雾港", "caf\u00e9", "x" * 300]), max_size=40)
)
def test_through_files_as_in_memory(tmp_path_factory, limit, texts):
    folder = tmp_path_factory.mktemp("merging") / "work"
    rows = [(2 * n, record(n, text)) for n, text in enumerate(texts)]
    counts = Counter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shuffle, "LIMIT", limit)
        patch.setattr(shuffle, "FAN", 4)
        found = [*merged(iter(rows), folder, counts)]

    assert found == held_whole(rows)
    assert counts["merged_rows"] == len(rows) - len(found)
    assert not folder.exists()


def test_texts_of_one_hash_stay_apart(tmp_path, monkeypatch):
    from pipeline import hashing

    monkeypatch.setattr(hashing, "hashes", lambda texts: [7] * len(texts))
    rows = [(n, record(n, text)) for n, text in enumerate(["Ada", "Ben", "Ada", "Cid", "Ben"])]

    assert [*merged(rows, tmp_path / "work", Counter())] == held_whole(rows)
