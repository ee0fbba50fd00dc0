"""Long texts in windows: no mention is cut, offsets hold, what crosses a cut is counted."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clean.rules import STOP_WORDS
from pipeline.clean.stage import clean
from pipeline.config import Clean, Dedupe
from pipeline.dedupe.stage import dedupe
from pipeline.execution import shards
from pipeline.normalize.windows import windows
from pipeline.records import Argument, Event, Mention, Record, Relation, place, record_id, violation
from tests.conftest import ROOT

EN = "Ada met Ben. They ate at Bay. Dr. Cal left. Ada slept. Ben woke up."
ZH = "林岚在雾港。她说：“船来了！”然后走了……陈舟笑了？是的。"


def at(text, string, label="person", after=0):
    start = text.index(string, after)
    return Mention(string, start, start + len(string), label)


def texts(text, most, language="en", mentions=()):
    return [w.text for w in windows(Record(text, "o", [*mentions]), most, language)[0]]


def test_short_texts_are_left_alone():
    record = Record(EN, "o")

    assert windows(record, len(EN), "en") == ([record], {})


def test_a_discontinuous_mention_goes_where_all_its_pieces_stand():
    text = "今天天气很好。患者来了。上肢及下肢疼痛明显。"
    torn = Mention("天气疼痛", None, None, "person", discontinuous=True)
    whole = torn._replace(text="上肢疼痛")
    record = Record(
        text,
        "o",
        [torn, whole, at(text, "患者")],
        [Relation("x", 0, 2), Relation("y", 1, 1), Relation("z", 2, 2)],
        [Event("e", 0, (Argument("r", 2),)), Event("f", 2, (Argument("r", 0),))],
    )

    found, lost = windows(record, 8, "zh")

    assert [[m.text for m in w.mentions] for w in found] == [[], ["患者"], ["上肢疼痛"]]
    assert [[r.label for r in w.relations] for w in found] == [[], ["z"], ["y"]]
    assert [[(e.label, e.arguments) for e in w.events] for w in found] == [[], [("f", ())], []]
    assert {k: n for k, n in lost.items() if n} == {
        "mentions": 1,
        "relations": 1,
        "events": 2,
        "arguments": 2,
    }


def test_english_is_cut_between_sentences_but_not_after_a_title():
    assert texts(EN, 30) == [
        "Ada met Ben. They ate at Bay.",
        "Dr. Cal left. Ada slept.",
        "Ben woke up.",
    ]
    assert texts(EN, 13) == [
        "Ada met Ben.",
        "They ate at Bay.",
        "Dr. Cal left.",
        "Ada slept.",
        "Ben woke up.",
    ]


def test_tokenized_and_broken_lines_are_cut_too():
    assert texts("Ada met Ben . They ate .\nno capital", 15) == [
        "Ada met Ben .",
        "They ate .",
        "no capital",
    ]


def test_chinese_is_cut_after_the_quotation_mark():
    assert texts(ZH, 10, "zh") == [
        "林岚在雾港。",
        "她说：“船来了！”",
        "然后走了……",
        "陈舟笑了？是的。",
    ]


def test_a_sentence_longer_than_the_limit_stays_whole():
    assert texts("Ada met Ben and Cal and Dan. Yes.", 10) == [
        "Ada met Ben and Cal and Dan.",
        "Yes.",
    ]
    assert texts("Ada met Ben and Cal and Dan", 10) == ["Ada met Ben and Cal and Dan"]


def test_no_mention_is_cut():
    mention = at(EN, "Bay. Dr. Cal left. Ada")

    assert texts(EN, 30, mentions=[mention]) == [
        "Ada met Ben.",
        "They ate at Bay. Dr. Cal left. Ada slept.",
        "Ben woke up.",
    ]


def test_the_cut_is_made_where_the_fewest_annotations_cross_it():
    text = "Ada met Ben. Cal ate it. He slept. Yes, Dan woke up early."
    mentions = [at(text, "Cal"), at(text, "Dan")]
    linked = Record(text, "o", [at(text, "Cal"), at(text, "He")], [Relation("is", 0, 1)])

    assert texts(text, 34, mentions=mentions)[0] == "Ada met Ben. Cal ate it. He slept."
    apart = Record(text, "o", [at(text, "He"), at(text, "Dan")], [Relation("is", 0, 1)])
    assert windows(apart, 34, "en")[0][0].text == "Ada met Ben. Cal ate it."
    assert windows(linked, 34, "en")[0][0].text == "Ada met Ben. Cal ate it. He slept."


def test_annotations_go_to_their_window_and_crossings_are_counted():
    mentions = [
        at(EN, "Ada"),
        at(EN, "Ben"),
        at(EN, "Cal"),
        at(EN, "Ben", after=20),
        at(EN, "slept"),
    ]
    record = Record(
        EN,
        "o",
        mentions,
        [
            Relation("met", 0, 1),
            Relation("met", 0, 2),
            Relation("with", 0, 1, (Argument("for", 2),)),
        ],
        [Event("sleep", 4, (Argument("who", 2), Argument("near", 3)))],
        "doc",
    )

    found, lost = windows(record, 30, "en")

    assert [[m.text for m in w.mentions] for w in found] == [
        ["Ada", "Ben"],
        ["Cal", "slept"],
        ["Ben"],
    ]
    assert found[0].relations == [Relation("met", 0, 1), Relation("with", 0, 1)]
    assert found[1].events == [Event("sleep", 1, (Argument("who", 0),))]
    assert {k: n for k, n in lost.items() if n} == {
        "relations": 1,
        "qualifiers": 1,
        "arguments": 1,
        "events": 1,
    }
    assert all(violation(w) is None and w.source_id == "doc" for w in found)


def test_mentions_without_offsets_follow_their_strings_and_values_their_event():
    mentions = [
        Mention("Ada", None, None, "person"),
        Mention("left", None, None),
        Mention("yes", None, None),
        Mention("Ben up", None, None, "person", discontinuous=True),
    ]
    event = Event("leave", 1, (Argument("done", 2),))
    found, lost = windows(Record(EN, "o", mentions, (), [event]), 30, "en", {"done"})

    assert [[(m.text, m.start) for m in w.mentions] for w in found] == [
        [("Ada", 0)],
        [("Ada", 14), ("left", 8), ("yes", None)],
        [("Ben up", None)],
    ]
    assert found[1].events == [Event("leave", 1, (Argument("done", 2),))]
    assert sum(lost.values()) == 0


def test_the_value_of_an_enum_role_with_offsets_stays_where_it_stands():
    mentions = [at(EN, "Ada"), at(EN, "left", None), at(EN, "slept", None), Mention("yes")]
    roles = (Argument("done", 2), Argument("done", 1), Argument("done", 3))
    record = Record(EN, "o", mentions, (), [Event("meet", 0, roles)])

    found, lost = windows(record, 30, "en", {"done"})

    assert [violation(w) for w in found] == [None] * 3
    assert [[m.text for m in w.mentions] for w in found] == [["Ada", "yes"], ["left", "slept"], []]
    assert found[0].events == [Event("meet", 0, (Argument("done", 1),))]
    assert (lost["arguments"], lost["events"]) == (2, 1)


_SENTENCE = st.lists(
    st.sampled_from(["Ada", "Ben", "Mr.", "ate", "the", "U.S.", "3.5"]), min_size=1, max_size=6
)


@given(st.lists(_SENTENCE, min_size=1, max_size=8), st.integers(1, 60), st.data())
def test_whatever_the_text_nothing_is_cut_or_lost(sentences, most, data):
    text = " ".join(
        " ".join(["X", *words]) + data.draw(st.sampled_from([".", "!", "?\n"]))
        for words in sentences
    )
    spans = [m.span() for m in re.finditer(r"\S+(?: \S+)?", text)]
    picked = data.draw(st.lists(st.sampled_from(spans), unique=True))
    mentions = [Mention(text[a:b], a, b, "x") for a, b in picked]
    links = st.integers(0, len(mentions) - 1) if mentions else st.nothing()
    pairs = data.draw(st.lists(st.tuples(links, links), max_size=4)) if mentions else []
    record = Record(text, "o", mentions, [Relation("r", a, b) for a, b in pairs])

    found, lost = windows(record, most, "en")

    assert "".join("".join(w.text for w in found).split()) == "".join(text.split())
    assert [violation(w) for w in found] == [None] * len(found)
    assert sorted(m.text for w in found for m in w.mentions) == sorted(m.text for m in mentions)
    assert sum(len(w.relations) for w in found) + lost["relations"] == len(pairs)
    for w in found:
        if len(w.text) > most and not w.mentions:
            assert not re.search(r"(?<!U\.S)(?<!Mr)[.!?]\s+[A-Z0-9]", w.text)


@pytest.mark.parametrize("parts", [("a", "train", 12, 0), ("a-b", "test", 3, 2)])
def test_ids_are_read_as_they_are_written(parts):
    assert place(record_id(*parts)) == parts
    assert place("a/b/dev/7") == ("a/b", "dev", 7, 0)


def test_from_raw_files_to_drops_with_unique_ids_and_an_account(tmp_path):
    from pipeline import catalog
    from pipeline.catalog import raw_files
    from pipeline.config import Normalize
    from tests.helpers import normalize_one

    own = catalog.load("re-docred")
    raw, manifest = raw_files.edition(own, ROOT / "raw" / "sample")
    whole = normalize_one(own, raw, manifest, Normalize(), tmp_path / "whole")["splits"]
    split = normalize_one(own, raw, manifest, Normalize(window_chars=120), tmp_path / "normalize")[
        "splits"
    ]
    shards_of = tmp_path / "all"
    shards_of.mkdir()
    (tmp_path / "normalize").rename(shards_of / own.id)
    clean([own], shards_of, Clean(), STOP_WORDS, tmp_path / "clean")
    dedupe([own], tmp_path / "clean", Dedupe(), tmp_path / "dedupe")

    ids = []
    for _, path in shards.record_shards(shards_of / own.id):
        ids += shards.read(path)["id"].to_pylist()
    assert len(ids) == len({*ids}) == sum(s["records"] for s in split.values())
    assert any("." in i.rsplit("/")[-1] for i in ids)
    for name, account in split.items():
        grown = account["windows"].get("windows", 0) - account["windows"].get("texts", 0)
        assert account["records"] == whole[name]["records"] + grown
        assert whole[name]["windows"] == {}
