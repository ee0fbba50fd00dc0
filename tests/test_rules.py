"""The three cleaning rules: at their thresholds, one step either side, in both languages."""

import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import rules, text
from pipeline.config import Clean
from pipeline.stages.clean import cleaned
from tests.conftest import ROOT
from tests.helpers import table

STOP_WORDS = ROOT / "dictionaries" / "stop_words"


def reasons(*texts, language="en", **settings):
    out = rules.first_reason(table(*texts, language=language), Clean(**settings), STOP_WORDS)
    return out.to_pylist()


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        ("a1234 " * 1, False),  # 4 of 5 are no letters: exactly 80 %
        ("a12345", True),  # 5 of 6
        ("1 2 3 4 a", False),  # blanks count on neither side
        ("1 2 3 4 5 a", True),
        ("好1234", False),  # Chinese characters are letters
        ("好12345", True),
        ("ｂ１２３４５", True),  # full-width forms
        ("한1234", False),
        ("😀😀😀😀a", False),
        ("😀😀😀😀😀a", True),
        ("e\u0301 1234", False),  # a combining mark belongs to its letter
        ("12 : 45 - 67 % !!! $", True),
    ],
)
def test_mostly_non_letters(text, dropped):
    found = rules.mostly_non_letters(table(text), 0.8).tolist()

    assert found == [dropped]


@pytest.mark.parametrize(
    ("entry", "dropped"),
    [
        ("Ohio", True),
        ("Texas", False),
        (" Ohio ", True),
        (("Ohio", [("Ohio", "place")]), False),
        ("𝒳𝒴𝒵𝒲𝒱", False),  # code points, not UTF-16 units
    ],
)
def test_too_short(entry, dropped):
    assert rules.too_short(table(entry), 5).tolist() == [dropped]


@pytest.mark.parametrize(
    ("text", "language", "dropped"),
    [
        ("it is what it rains", "en", False),  # 4 of 5: exactly 80 %
        ("it is what it is and rains", "en", True),  # 6 of 7
        ("It's n't we've cannot rain", "en", True),  # parted like NLTK parts them
        ("Rain in Ostrava, so no match today.", "en", False),
        ("这是的了吗", "zh", True),
        ("雨下了一整夜，河水上涨", "zh", False),
        ("我们的 Python 编译器", "zh", False),
        ("... !!! ???", "en", False),  # no word at all is rule 1's business
        ("这个那个和我们的了", "zh", True),
    ],
)
def test_mostly_stop_words(text, language, dropped):
    found = rules.mostly_stop_words(table(text, language=language), 0.8, STOP_WORDS).tolist()

    assert found == [dropped]


def test_the_fast_path_agrees_with_the_tokenizer(monkeypatch):
    texts = [
        "It is what it is, and that is that.",
        "cannot gonna it is the (only) one.",
        "The cat sat; the dog, too.",
        '"Who?" she said to him and to her',
        "Dr. Who is in on it. It was he.",
        "I'm not who you are...",
        "well-known to you and me and us and them",
    ]
    with_path = rules.mostly_stop_words(table(*texts), 0.8, STOP_WORDS).tolist()
    monkeypatch.setattr(rules, "_surely_below", lambda *_: False)

    assert with_path == rules.mostly_stop_words(table(*texts), 0.8, STOP_WORDS).tolist()


def test_the_first_rule_that_applies_gives_the_reason():
    assert reasons("1234", "it is", "abc", "Velmora sold Kestrel") == [
        "mostly_non_letters",
        "mostly_stop_words",
        "too_short",
        None,
    ]


def test_thresholds_are_parameters():
    assert reasons("a1234", max_non_letter_share=0.7) == ["mostly_non_letters"]
    assert reasons("Ohio", min_characters=4) == [None]
    assert reasons("it is what it rains", max_stop_word_share=0.7) == ["mostly_stop_words"]


def test_clean_tags_and_keeps_every_row():
    before = table("12 : 45 - 67 % !!!", "Velmora sold Kestrel", "ok")

    after = cleaned(before, Clean(), STOP_WORDS)

    assert after.schema == before.schema
    assert after["text"].to_pylist() == before["text"].to_pylist()
    assert after["dropped"].to_pylist() == ["mostly_non_letters", None, "too_short"]
    assert after["drop_detail"].to_pylist() == [
        "12 of 12 characters are no letters",
        None,
        "2 characters",
    ]


def test_an_empty_table_stays_empty():
    assert cleaned(table(), Clean(), STOP_WORDS).num_rows == 0
    assert isinstance(rules.first_reason(table(), Clean(), STOP_WORDS), pa.Array)


@settings(max_examples=500, deadline=None)
@given(st.text(st.sampled_from("ab  IGonacht,;:!?."), max_size=30))
def test_plain_sentences_are_parted_as_nltk_parts_them(sentence):
    from nltk.tokenize import NLTKWordTokenizer

    tokens = NLTKWordTokenizer().tokenize(sentence)

    assert text.words(sentence, "en") == [t.lower() for t in tokens if re.search(r"[^\W_]", t)]
