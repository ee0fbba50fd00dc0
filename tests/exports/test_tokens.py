"""Character spans become token spans, or are counted as lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.exports.tokens import aligned, tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Vale joined 雾港 in 2019", "Dr . Vale joined 雾 港 in 2019"),
        ("iPhone6的3kg x_y", "iPhone6 的 3kg x _ y"),
        ("Cafe\u0301, naïve — “ok”", "Cafe\u0301 , naïve — “ ok ”"),
        ("\u3000１２％\n𠀀b", "１２ ％ 𠀀 b"),
    ],
)
def test_a_text_is_parted_as_bert_parts_it(text, expected):
    assert tokens(text) == expected.split()


@given(st.text())
def test_tokens_cover_everything_but_white_space(text):
    found = tokens(text)
    mentions, start = [], 0
    for word in found:
        start = text.index(word, start)
        mentions.append({"text": word, "start": start})
        start += len(word)

    assert "".join(found) == "".join(text.split())
    assert aligned(text, mentions).words == found
    assert aligned(text, mentions).spans == {i: (i, i + 1) for i in range(len(found))}


def test_ends_inside_tokens_and_missing_offsets_are_counted():
    text = "Vale 3kg "
    mentions = [
        {"text": "Vale ", "start": 0, "end": 5},
        {"text": "3", "start": 5, "end": 6},
        {"text": "3kg", "start": 5, "end": 8},
        {"text": "nowhere", "start": None, "end": None},
    ]
    found = aligned(text, mentions)

    assert found.spans == {0: (0, 1), 2: (1, 2)}
    assert found.lost == {"inside a token": 1, "without offsets": 1}


def test_what_is_no_token_has_no_span():
    strings = {"Adam": 0, "Ad": 0, "dam": 1}
    mentions = [{"text": text, "start": start} for text, start in strings.items()]

    assert aligned("Adam fell", mentions).spans == {0: (0, 1)}
