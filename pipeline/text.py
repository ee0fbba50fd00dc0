"""Characters and words: what a letter is, what a word is, and when two texts are the same."""

import importlib.abc
import re
import sys
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from pipeline.errors import RawFileError, explained

#: A sentence of plain words and the punctuation that NLTK parts from them wherever it stands. What
#: matched is never given back: else a text of 10 MB would take 1.4 GB to remember where it might.
_PLAIN_SENTENCE: Final = re.compile(
    r"(?:(?:[A-Za-z]++[,;:!?]*+|[.,;:!?]++) ++)*+(?:[A-Za-z]++[,;:!?]*+\.?+|[.,;:!?]++)?+ *+"
)
#: Of a discontinuous mention; a bound for strings that are none.
_MOST_PIECES: Final = 10
#: Code points there are.
UNICODE: Final = 0x110000
#: Chinese characters, as a part of a character class.
HAN: Final = "㐀-䶿一-鿿豈-﫿"
_CHINESE: Final = re.compile(rf"[{HAN}]")
#: Plain words that it parts in two all the same.
CONTRACTED: Final = frozenset({"cannot", "gimme", "gonna", "gotta", "lemme", "wanna"})
_WORDLIKE: Final = re.compile(r"[^\W_]")
_WORD: Final = re.compile(r"\S+")
#: What treebanks write in the place of brackets and quotation marks.
BRACKETS: Final = {
    "-LRB-": "(",
    "-RRB-": ")",
    "-LSB-": "[",
    "-RSB-": "]",
    "-LCB-": "{",
    "-RCB-": "}",
}
TREEBANK: Final = {**BRACKETS, "``": '"', "''": '"'}
#: Words as they stand, with the marks that combine with their letters, and all else by itself.
_RUNS: Final = re.compile(
    r"[^\W_](?:[^\W_]|[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0dff'’-])*|\S"
)
_CHARACTERS: Final = re.compile(r"[a-zA-Z0-9]+|\S")
#: Languages that put no blanks between words.
_UNSPACED: Final = frozenset({"zh", "yue", "wuu", "ja", "th", "lo", "km", "my", "bo"})

#: What would steer the display: control characters, escape sequences that begin with them, marks
#: that turn the direction of reading. Half a surrogate pair could not be written at all.
_STEERING: Final = (
    *range(0x20),
    *range(0x7F, 0xA0),
    *(0x2028, 0x2029),
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
    *range(0xD800, 0xE000),
)
_LINES: Final = {code: "·" for code in _STEERING if chr(code) not in "\n\t"}
_ONE_LINE: Final = {**_LINES, 0x0A: "↵", 0x09: "→"}


def letter_counts(texts: Any) -> list[Any]:
    """[letters, characters that are neither white space nor combining marks] of every text."""
    return character_counts(texts.to_pylist(), str.isalpha, _counts)


def character_counts(texts: Sequence[str], *tests: Callable[[str], bool]) -> list[Any]:
    """For each test of a character: how many characters of every text pass it."""
    codes, begins = characters(texts)
    sums = (np.concatenate(([0], np.cumsum(which(codes, test)))) for test in tests)
    return [np.diff(total[begins]) for total in sums]


def is_chinese(character: str) -> bool:
    """Whether a character is a Chinese one."""
    return _CHINESE.match(character) is not None


def _counts(character: str) -> bool:
    """Whether a character counts: white space, what is invisible, and combining marks do not."""
    category = unicodedata.category(character)
    return not (category[0] in "ZM" or category == "Cf" or character.isspace())


def characters(texts: Sequence[str]) -> tuple[Any, Any]:
    """(the code points of all texts, where each text begins, and where the last one ends)."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32)
    return codes, np.concatenate(([0], np.cumsum(lengths)))


def which(codes: Any, holds: Callable[[str], bool]) -> Any:
    """Return for which characters a test is true: each distinct character is tested once."""
    occurring = np.flatnonzero(np.bincount(codes))
    table = np.zeros(occurring.max(initial=0) + 1, bool)
    table[occurring] = [holds(chr(code)) for code in occurring.tolist()]
    return table[codes]


def normal_form(text: str) -> str:
    """The form in which texts are compared: NFC, with every run of white space one blank."""
    return unicodedata.normalize("NFC", " ".join(text.split()))


def comparable(text: str) -> str:
    """The form in which texts of different sources are compared: NFC without white space.

    The marks of tokenizers are the signs that they stand for, so that a tokenized text and the same
    one as it was written are equal.
    """
    squeezed = unicodedata.normalize("NFC", "".join(text.split()))
    for mark, sign in TREEBANK.items():
        squeezed = squeezed.replace(mark, sign)
    return squeezed


def aligned(source: str, target: str, start: int, end: int) -> tuple[int, int] | None:
    """The span of `target` that a span of `source` is, where both have the same normal form.

    A span that ends within white space ends at the word before it, one that ends within a composed
    character holds it whole; one that is nothing but white space is no span of the other.
    """
    ours, theirs = ([m.span() for m in _WORD.finditer(text)] for text in (source, target))
    first = bisect_right(ours, start, key=itemgetter(1))
    last = bisect_left(ours, end, key=itemgetter(0)) - 1
    if first > last:
        return None
    ends = []
    for word, at, step in ((first, start, -1), (last, end, 1)):
        (a, b), (c, d) = ours[word], theirs[word]
        ends.append(c + _same_place(source[a:b], target[c:d], min(max(at, a), b) - a, step))
    return ends[0], ends[1]


def _same_place(source: str, target: str, at: int, step: int) -> int:
    """The place in `target` that `at` is in `source`, or the next one in the direction `step`."""
    if source == target:
        return at
    while 0 < at < len(source):
        parts = [unicodedata.normalize("NFC", part) for part in (source[:at], source[at:])]
        for place in range(len(target) + 1):
            if parts == [unicodedata.normalize("NFC", p) for p in (target[:place], target[place:])]:
                return place
        at += step
    return len(target) if at else 0


def like(language: str) -> Literal["en", "zh"]:
    """Which of the languages that have data of their own another one is treated like.

    Languages without blanks between words are treated like Chinese: their tokens are joined by
    nothing, and a character says as much as a few letters.
    """
    return "zh" if language in _UNSPACED else "en"


@cache
def word_splitter(language: str) -> Callable[[str], list[str]]:
    """The function that parts a text of this language into tokens.

    NLTK's for English and jieba's for Chinese, without a download; for any other language its words
    between blanks, and each character by itself where the script has no blanks.
    """
    if language not in ("en", "zh"):
        return (_CHARACTERS if like(language) == "zh" else _RUNS).findall
    if language == "en":
        with without("matplotlib", "pandas", "scipy", "sklearn"):
            from nltk import redos
            from nltk.tokenize import NLTKWordTokenizer

        # Its patterns are its own. A limit in seconds would let the machine decide what is kept.
        redos.DEFAULT_TIMEOUT = None
        split: Callable[[str], list[str]] = NLTKWordTokenizer().tokenize
        return split
    import jieba

    listed, frequencies = chinese_dictionary()
    # jieba looks a word up by its beginnings: those that are no words have the frequency 0.
    beginnings = {word[:end] for word in listed for end in range(1, len(word))}
    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ = dict.fromkeys(beginnings, 0) | dict(zip(listed, frequencies, strict=True))
    tokenizer.total = sum(frequencies)
    tokenizer.initialized = True
    # Without the HMM every word is in the dictionary, or one character, or a run of Latin.
    return lambda text: tokenizer.lcut(text, HMM=False)


def chinese_dictionary() -> tuple[list[str], list[int]]:
    """The words of jieba's dictionary, and how frequent each is.

    Read anew each time: jieba itself would keep what it has read in the shared folder for temporary
    files, and believe whatever lies there.
    """
    import jieba

    with jieba.dt.get_dict_file() as file:
        fields = file.read().decode("utf-8").split()  # a line is: word, frequency, part of speech
    return fields[::3], [*map(int, fields[1::3])]


def words(text: str, language: str) -> list[str]:
    """The words of a text in lower case: its tokens that hold a letter or a digit."""
    if language == "en" and _PLAIN_SENTENCE.fullmatch(text):
        # NLTK would part it the same way; importing it takes a second.
        tokens = [p.lower() for piece in text.split() if (p := piece.strip(",;:!?."))]
        if CONTRACTED.isdisjoint(tokens):
            return tokens
    return [t.lower() for t in word_splitter(language)(text) if _WORDLIKE.search(t)]


@cache
def stop_words(folder: Path, language: str) -> frozenset[str]:
    """The stop words of a language from `<folder>/<language>.txt`; lines with # are comments.

    A language without such a file has those of the package `stopwordsiso`, or none.
    """
    path = folder / f"{language}.txt"
    if language not in ("en", "zh") and not path.exists():
        import stopwordsiso

        listed = stopwordsiso.stopwords(language) if stopwordsiso.has_lang(language) else ()
        return frozenset(word.lower() for word in listed)
    try:
        entries = path.read_text(encoding="utf-8").splitlines()
    except OSError as problem:
        what = f"cannot read the stop words: {problem.strerror}"
        todo = "restore the file, or install the package again"
        raise explained(problem, path) or RawFileError(what, where=path, todo=todo) from None
    return frozenset(e.strip().lower() for e in entries if e.strip() and not e.startswith("#"))


def in_pieces(string: str, text: str) -> bool:
    """Whether a discontinuous string may be made of pieces of a text.

    Its words are pieces; Chinese ones are joined by nothing: then it is cut into the longest pieces
    that follow each other in the text, of two characters at least, as one stands almost anywhere.
    """
    words = string.split()
    if all(word in text for word in words):
        return True
    rest, at = string, 0
    for _ in range(_MOST_PIECES if len(words) == 1 and _CHINESE.search(string) else 0):
        sizes = range(2, len(rest) + 1)
        size = 1 + bisect_left(sizes, True, key=partial(_lacks, text, rest, at))
        if size == 1:
            return False
        at, rest = text.find(rest[:size], at) + size, rest[size:]
        if not rest:
            return True
    return False


def _lacks(text: str, string: str, at: int, size: int) -> bool:
    return text.find(string[:size], at) < 0


def some(names: Sequence[str], most: int) -> str:
    """The first names in one line, and how many more there are."""
    more = f", and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def drawn(text: str) -> str:
    """The text on one line, as many characters as before."""
    return text.translate(_ONE_LINE)


def visible(text: str) -> str:
    """The text with its lines and tabs."""
    return text.translate(_LINES)


class _Hidden(importlib.abc.MetaPathFinder):
    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        del path, target
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(name, name=name)


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Inside the block these packages are not found, but for those that are imported already.

    Libraries import some only to see whether they are there, which takes seconds. Later imports
    find them.
    """
    hidden = _Hidden(names)
    sys.meta_path.insert(0, hidden)
    try:
        yield
    finally:
        sys.meta_path.remove(hidden)
