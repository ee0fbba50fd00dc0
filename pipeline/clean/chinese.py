"""How many stop words a Chinese text may have at most, without parting it into words.

jieba takes 200 microseconds for a sentence; this look at neighboring characters takes 15 and
settles all but a few texts in a thousand. What it rests on, of jieba without its HMM: a token is a
word of the dictionary, a single character, or a run of ASCII letters and digits. So

- between two neighbors that stand side by side in no word of the dictionary, and that are not both
  ASCII letters or digits, one token ends and another begins;
- a piece between two such borders that has a letter or digit which stands in no stop word holds at
  least one word that is none;
- there are at most as many stop words as characters that stand in one.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import numpy as np

from pipeline.text import UNICODE, chinese_dictionary, which

#: Texts looked at together, by characters.
_BLOCK: Final = 1 << 21


@cache
def _neighbors() -> tuple[Any, int, Any]:
    """Which characters stand side by side in words of the dictionary.

    Returns (code point -> its number among the characters of the dictionary, from 1 on, 0 for no
    such; how many numbers there are; a square of bits, packed).
    """
    words, _ = chinese_dictionary()
    codes = np.frombuffer("\n".join(words).encode("utf-32-le"), np.uint32)
    characters = np.flatnonzero(np.bincount(codes[codes != ord("\n")]))
    number = np.zeros(UNICODE, np.uint16)
    number[characters] = np.arange(1, len(characters) + 1)
    numbers, size = number[codes].astype(np.int64), len(characters) + 1
    pairs = numbers[:-1] * size + numbers[1:]
    bits = np.zeros(size * size // 8 + 1, np.uint8)
    np.bitwise_or.at(bits, pairs >> 3, (1 << (pairs & 7)).astype(np.uint8))
    return number, size, bits


def _joined(codes: Any, word: Any) -> Any:
    """Whether each character may be in one token with the next; `word`: a letter or digit."""
    number, size, bits = _neighbors()
    numbers = number[codes].astype(np.int64)
    pair = numbers[:-1] * size + numbers[1:]
    known = (numbers[:-1] > 0) & (numbers[1:] > 0)
    together = known & (bits[pair >> 3] >> (pair & 7) & 1).astype(bool)
    latin = (codes < 128) & word
    return together | (latin[:-1] & latin[1:])


def most_stop_share(texts: Sequence[str], stops: frozenset[str]) -> Any:
    """The highest share of stop words that each text may have among its words, as floats."""
    blocks = np.cumsum([len(text) for text in texts], dtype=np.int64) // _BLOCK
    out = np.zeros(len(texts))
    for block in np.unique(blocks):
        first, last = np.searchsorted(blocks, (block, block + 1))
        out[first:last] = _most(texts[first:last], stops)
    return out


def _most(texts: Sequence[str], stops: frozenset[str]) -> Any:
    codes = np.frombuffer("".join(f"{text}\n" for text in texts).encode("utf-32-le"), np.uint32)
    ends = np.cumsum([len(text) + 1 for text in texts])
    known = {character for word in stops for character in word}
    word = which(codes, str.isalnum)  # letters and digits make a token a word
    stop = which(codes, lambda character: not known.isdisjoint(character.lower()))
    begins = np.flatnonzero(np.concatenate(([True], ~_joined(codes, word))))
    content = np.logical_or.reduceat(word & ~stop, begins)
    least = np.bincount(np.searchsorted(ends, begins[content], side="right"), minlength=len(texts))
    most = np.add.reduceat(word & stop, np.concatenate(([0], ends[:-1])), dtype=np.int64)
    return most / np.maximum(most + least, 1)
