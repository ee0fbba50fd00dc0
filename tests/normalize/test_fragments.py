"""Mentions joined from fragments: left out with what they fill, and counted, if asked."""

from collections import Counter

from pipeline.normalize.account import without_fragments
from pipeline.records import Argument, Event, Mention, Record, Relation, violation

ADA, BAY = Mention("Ada", 0, 3, "person"), Mention("Bay", 13, 16, "place")
JOINED = Mention("Ada Bay", None, None, "person", discontinuous=True)


def test_what_a_joined_mention_fills_goes_along_and_is_counted():
    record = Record(
        "Ada lives in Bay",
        "o",
        [JOINED, ADA, BAY],
        [Relation("in", 1, 2, (Argument("as", 0),)), Relation("in", 0, 2)],
        [
            Event("move", 1, (Argument("to", 2), Argument("who", 0))),
            Event("stay", 0, (Argument("to", 2),)),
        ],
    )
    counts = Counter()

    new = without_fragments(record, counts)
    assert new.mentions == [ADA, BAY]
    assert new.relations == [Relation("in", 0, 1)]
    assert new.events == [Event("move", 0, (Argument("to", 1),))]
    assert violation(new) is None
    assert counts == {
        "omitted:mentions": 1,
        "omitted:relations": 1,
        "omitted:events": 1,
        "omitted:arguments": 2,
    }


def test_a_record_without_them_stays_as_it_is():
    record, counts = Record("Ada lives in Bay", "o", [ADA, BAY]), Counter()

    assert without_fragments(record, counts) is record
    assert not counts
