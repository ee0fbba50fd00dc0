"""Tokenized texts as they were written: blanks, brackets, quotes; offsets stay exact."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.normalize.detokenize import detokenized, rewritten
from pipeline.records import Mention, Record, violation

WORDS = {
    "He did n't go , Mr. Vale 's aunt said .": "He didn't go, Mr. Vale's aunt said.",
    "Ash -LRB- a tree -RRB- fell .": "Ash (a tree) fell.",
    "`` Go , '' she said .": '"Go," she said.',
    'the " first " and the " last " one': 'the "first" and the "last" one',
    "a price of $ 5 and 7 %": "a price of $5 and 7%",
    "the dogs ' bowls": "the dogs' bowls",
    "both 's - and then": "both's - and then",
    "said : ' Go back": "said: 'Go back",
    "in the ' 80s": "in the '80s",
}
SIGNS = {
    "5 - fluorouracil ( 5 - FU )": "5-fluorouracil (5-FU)",
    "0 . 5 mg / kg , 2 . 6 + / - 1 . 3 days": "0.5 mg/kg, 2.6 +/- 1.3 days",
    "12 . 5 , 25 and 50 mg": "12.5, 25 and 50 mg",
    "1 , 200 rats and 100 , 200 , and 400 mice": "1,200 rats and 100, 200, and 400 mice",
    "the patient ' s and the rats ' livers": "the patient's and the rats' livers",
    "dopamine - and serotonin - like": "dopamine- and serotonin-like",
    "K ( + ) channels , Ca2 + , 10 ( - 7 ) mol": "K(+) channels, Ca2+, 10(-7) mol",
    "given i . v . daily , e . g . once": "given i.v. daily, e.g. once",
    "P = . 01 and p < 0 . 05": "P = .01 and p < 0.05",
    "She co - starred , did n't she ?": "She co-starred, didn't she?",
    "from right - to - left , 1 : 2 or less than . 05": "from right-to-left, 1:2 or less than .05",
    "was ' found ' in the rats ' brains": "was 'found' in the rats' brains",
    "the 3 ' - end and 3 ' , 5 ' - cyclic": "the 3'-end and 3', 5'-cyclic",
    "a change of - 0 . 5 in IL - 4": "a change of -0.5 in IL-4",
    "Na + / K + ATPase , Ca ( 2 + ) and Na + - bound": "Na+/K+ ATPase, Ca(2+) and Na+-bound",
    "[ 3H ] thymidine , [ Ca ] i , alpha ( 2 )": "[3H]thymidine, [Ca]i, alpha(2)",
    "sgk1 ( - / - ) mice of ( + / - ) 5": "sgk1(-/-) mice of (+/-) 5",
    "in 1993 - 1996 , 551 cases": "in 1993-1996, 551 cases",
}


@pytest.mark.parametrize(("tokens", "text"), WORDS.items())
def test_words_and_signs_of_the_treebank(tokens, text):
    assert rewritten(tokens, "words")[0] == text


@pytest.mark.parametrize(("tokens", "text"), SIGNS.items())
def test_texts_in_which_every_sign_stands_apart(tokens, text):
    assert rewritten(tokens, "punctuation")[0] == text


def test_mentions_move_with_their_text():
    text = "Ash -LRB- a 5 % tree -RRB- fell ."
    record = Record(
        text, "o", [Mention("a 5 % tree", 10, 20, "x"), Mention("5 %", None, None, "y")]
    )

    new = detokenized(record, "words")
    assert new.text == "Ash (a 5% tree) fell."
    assert new.mentions == [Mention("a 5% tree", 5, 14, "x"), Mention("5%", None, None, "y")]


TOKENS = [
    "Ada",
    "5",
    "-",
    "(",
    ")",
    ".",
    ",",
    "'",
    '"',
    "``",
    "''",
    "-LRB-",
    "/",
    "+",
    "%",
    "s",
    "\u00a0",
    "n't",
]


@given(st.lists(st.sampled_from(TOKENS), min_size=1, max_size=12), st.data())
def test_any_span_of_tokens_stays_the_same_tokens(tokens, data):
    text = " ".join(tokens)
    style = data.draw(st.sampled_from(["words", "punctuation"]))
    starts = [sum(len(t) + 1 for t in tokens[:n]) for n in range(len(tokens))]
    first = data.draw(st.integers(0, len(tokens) - 1))
    last = data.draw(st.integers(first, len(tokens) - 1))
    start, end = starts[first], starts[last] + len(tokens[last])
    record = Record(text, "o", [Mention(text[start:end], start, end, "x")])

    new = detokenized(record, style)
    assert violation(new) == violation(record)
    if not text[start:end].strip():
        return
    whole, _ = rewritten(text, style)
    signs = {"-LRB-": "(", "``": '"', "''": '"'}
    expected = "".join(signs.get(t, t) for t in tokens[first : last + 1])
    squeezed = "".join(new.mentions[0].text.split())
    assert squeezed == "".join(expected.split())
    assert new.text == whole
