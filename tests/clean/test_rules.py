"""The three cleaning rules: at their thresholds, one step either side, in both languages."""

import os
import re
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import text
from pipeline.clean import chinese, rules
from pipeline.clean.stage import cleaned
from pipeline.config import Clean
from pipeline.errors import RawFileError
from tests.conftest import ROOT
from tests.helpers import table

STOP_WORDS = ROOT / "pipeline" / "clean" / "stop_words"


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
        ("👩‍👩‍👧❤️a", False),  # 3 people, a heart and a letter: what joins them is invisible
        ("👩‍👩‍👧‍👦❤️", True),
        ("サッカー 中国队 3:1 日本", False),
        ("१२३४ का", False),  # a vowel sign is a mark of its letter
        ("\u200b\u200b\u200b", True),  # nothing to see
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


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        (
            "en",
            [
                "It is what it is, and that is that.",
                "cannot gonna it is the (only) one.",
                "The cat sat; the dog, too.",
                '"Who?" she said to him and to her',
                "Dr. Who is in on it. It was he.",
                "I'm not who you are...",
                "well-known to you and me and us and them",
            ],
        ),
        (
            "zh",
            [
                "这个那个和我们的了",
                "曾任南京高科股份有限公司总经理。",
                "现在该是你们行动的时候了。",
                "",
                "我们对此抱有信心。",
                "T恤的和卡拉OK的",
                "我　的\n你\r\n的",
                "ＡＢＣ的１２３",
                "これは日本語です的",
                "한국어 的 텍스트",
                "🙂的🙂了",
            ],
        ),
    ],
)
def test_the_fast_paths_agree_with_the_tokenizers(language, texts, monkeypatch):
    def found():
        return rules.mostly_stop_words(table(*texts, language=language), 0.5, STOP_WORDS).tolist()

    with_path = found()
    monkeypatch.setattr(rules, "_most_in_english", lambda texts, _: np.ones(len(texts)))
    monkeypatch.setattr(rules.chinese, "most_stop_share", lambda texts, _: np.ones(len(texts)))

    assert with_path == found()
    assert {True, False} == {*with_path}


_PIECES = (
    "的 了 我们 一 不 在 是 中国 人民 南京 长江 大桥 市长 A a B 1 ２ T恤 卡拉OK AA制 的士 ， 。 "
    "- _ \n 了不起 目的 的确 是非 这 那 😀 é カ 한 \u3000 就 就是 与 或 I K k \u212a"
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from([*_PIECES.split(" "), " "]), max_size=14).map("".join))
def test_no_chinese_text_has_more_stop_words_than_the_bound(sentence):
    stops = text.stop_words(STOP_WORDS, "zh")
    words = text.words(sentence, "zh")

    most = chinese.most_stop_share([sentence, "林岚在雾港。", sentence], stops)

    assert sum(word in stops for word in words) <= most[0] * len(words) + 1e-9
    assert most[0] == most[2]


def test_the_bound_does_not_depend_on_blocks(monkeypatch):
    stops = text.stop_words(STOP_WORDS, "zh")
    texts = ["我们的海港", "雾港在海边，船是红的。", "", "的了", "卡拉OK"] * 5
    whole = chinese.most_stop_share(texts, stops).tolist()
    monkeypatch.setattr(chinese, "_BLOCK", 7)

    assert whole == chinese.most_stop_share(texts, stops).tolist()


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
        "12 of 12 characters are not letters",
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


def test_missing_stop_words_are_told(tmp_path):
    with pytest.raises(RawFileError, match="cannot read the stop words") as caught:
        text.stop_words(tmp_path, "en")
    assert caught.value.where == tmp_path / "en.txt"


def test_chinese_is_parted_without_a_place_to_keep_the_dictionary():
    code = "from pipeline.text import word_splitter; print(word_splitter('zh')('渡口以西下雨'))"
    environment = {**os.environ, "XDG_CACHE_HOME": "/dev/null"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )

    assert "渡口" in done.stdout


def test_words_are_parted_without_what_they_do_not_need():
    code = (
        "import sys; from pipeline import text; "
        "assert text.words('(it) rains', 'en') == ['it', 'rains']; assert 'nltk' in sys.modules; "
        "assert not {'scipy', 'sklearn', 'pandas'} & {*sys.modules}; import scipy.sparse"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
