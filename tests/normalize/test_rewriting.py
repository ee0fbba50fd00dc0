"""Texts repaired as their declaration says: mentions move along, and everything is counted."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import catalog
from pipeline.catalog import raw_files
from pipeline.config import Normalize
from pipeline.normalize.rewriting import repaired, written
from pipeline.records import Mention, Record, violation
from tests.conftest import ROOT
from tests.helpers import normalize_one

REPAIRS = {"&amp;": "&", "#{2,} ?": "", "@": ": ", "~": ""}


def fixed(text, *mentions):
    counts = Counter()
    return repaired(Record(text, "o", [*mentions]), REPAIRS, counts), counts


def test_patterns_are_replaced_and_counted():
    new, counts = fixed("gout@## drug &amp; diet ### end ~")

    assert new.text == "gout: drug & diet end "
    assert counts == {
        "repaired:@": 1,
        "repaired:&amp;": 1,
        "repaired:#{2,} ?": 2,
        "repaired:~": 1,
    }


def test_mentions_move_and_hold_what_their_text_now_says():
    text = "gout@drug &amp; diet"
    new, _ = fixed(
        text,
        Mention("drug &amp; diet", 5, 20, "x"),
        Mention("gout", 0, 4, "y"),
        Mention("rice &amp; salt", None, None, "z"),
    )

    assert new.text == "gout: drug & diet"
    assert new.mentions == [
        Mention("drug & diet", 6, 17, "x"),
        Mention("gout", 0, 4, "y"),
        Mention("rice & salt", None, None, "z"),
    ]


@pytest.mark.parametrize(("start", "end"), [(0, 5), (3, 8), (2, 4)])
def test_what_a_mention_holds_only_a_part_of_stays(start, end):
    text = "a &amp; b@"
    new, counts = fixed(text, Mention(text[start:end], start, end, "x"))

    assert new.text == "a &amp; b: "
    assert new.mentions == [Mention(text[start:end], start, end, "x")]
    assert counts == {"repaired:@": 1}


def test_a_record_of_whose_mention_nothing_would_be_left_stays():
    new, counts = fixed("a ~ b@", Mention("~", 2, 3, "x"))

    assert new.text == "a ~ b@"
    assert not counts


def _plain(text):
    return text.replace("#", "").replace(" ", "")


@given(
    words=st.lists(st.sampled_from(["&amp;", "## ", "@", "~", "ab", " ", "#"]), max_size=20),
    data=st.data(),
)
def test_a_repaired_record_is_sound_and_its_mentions_say_the_same(words, data):
    text = "x" + "".join(words)
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    mention = Mention(text[start:end], start, end, "x")

    new, counts = fixed(text, mention)
    assert violation(new) is None
    assert bool(counts) == (new.text != text)
    (own,) = new.mentions
    # Of "## ", what stands across an edge stays, though the mention by itself would lose its part.
    assert _plain(own.text) in (_plain(mention.text), _plain(fixed(mention.text)[0].text))


@given(st.lists(st.tuples(st.text("ab", max_size=3), st.integers(0, 4))))
def test_every_place_of_the_old_text_has_one_in_the_new(pieces):
    text, places = written(pieces)
    end = sum(length for _, length in pieces)
    place = [*map(places.of, range(end + 1))]

    assert text == "".join(part for part, _ in pieces)
    assert place == sorted(place)
    assert place[-1] == len(text)


def test_the_stage_repairs_unless_told_not_to(tmp_path):
    dataset = catalog.load("cmeie")
    raw, manifest = raw_files.edition(dataset, ROOT / "raw" / "sample", None)

    on = normalize_one(dataset, raw, manifest, Normalize(), tmp_path / "on")
    off = normalize_one(dataset, raw, manifest, Normalize(repair=False), tmp_path / "off")
    assert sum(split["repaired"].get("@ ?", 0) for split in on["splits"].values()) > 0
    assert all(split["repaired"] == {} for split in off["splits"].values())
    for name, split in on["splits"].items():
        assert split["entities"] == off["splits"][name]["entities"]
