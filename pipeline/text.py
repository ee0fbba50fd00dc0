"""Characters and words: what a letter is, what a word is, and when two texts are the same."""

from __future__ import annotations

import logging
import os
import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow.compute as pc

from pipeline.errors import RawFileError

if TYPE_CHECKING:
    from collections.abc import Callable

#: A sentence of plain words and the punctuation that NLTK parts from them wherever it stands.
_PLAIN_SENTENCE: Final = re.compile(
    r"(?:(?:[A-Za-z]+[,;:!?]*|[.,;:!?]+) +)*(?:[A-Za-z]+[,;:!?]*\.?|[.,;:!?]+) *"
)
#: Plain words that it parts in two all the same.
CONTRACTED: Final = frozenset({"cannot", "gimme", "gonna", "gotta", "lemme", "wanna"})
#: RE2 classes. White space and the marks that combine with a letter count neither way.
_BLANKS_AND_MARKS: Final = r"[\p{Z}\p{M}\x09-\x0D\x1C-\x1F\x{200B}\x{FEFF}]+"
_NON_LETTERS: Final = r"\P{L}+"
_WORDLIKE: Final = re.compile(r"[^\W_]")


def letter_counts(texts: Any) -> tuple[Any, Any]:
    """(letters, characters that are neither white space nor combining marks) of every text."""
    visible = pc.replace_substring_regex(texts, _BLANKS_AND_MARKS, "")
    letters = pc.replace_substring_regex(visible, _NON_LETTERS, "")
    return pc.utf8_length(letters), pc.utf8_length(visible)


def normal_form(text: str) -> str:
    """The form in which texts are compared: NFC, with every run of white space one blank."""
    return unicodedata.normalize("NFC", " ".join(text.split()))


@cache
def word_splitter(language: str) -> Callable[[str], list[str]]:
    """The function that parts a text of this language into tokens (NLTK or jieba, no download)."""
    if language == "en":
        from nltk.tokenize import NLTKWordTokenizer

        split: Callable[[str], list[str]] = NLTKWordTokenizer().tokenize
        return split
    import jieba

    jieba.setLogLevel(logging.ERROR)
    # The prefix dictionary takes a second to build; jieba keeps it in the folder for temporary
    # files, where two users would meet. Ours lies in the user's own cache.
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "iepile"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        jieba.dt.tmp_dir = str(folder)
    except OSError:
        pass  # without a home the default folder serves as well
    jieba.dt.initialize()
    # Without the HMM every word is in the dictionary, or one character, or a run of Latin.
    return lambda text: jieba.lcut(text, HMM=False)


@cache
def dictionary_zh() -> tuple[dict[str, int], int]:
    """All words that jieba knows and all their beginnings, and the length of the longest."""
    word_splitter("zh")
    import jieba

    known: dict[str, int] = jieba.dt.FREQ
    return known, max(map(len, known))


def words(text: str, language: str) -> list[str]:
    """The words of a text in lower case: its tokens that hold a letter or a digit."""
    if language == "en" and _PLAIN_SENTENCE.fullmatch(text):
        # NLTK would part it the same way; importing it takes a second.
        found = [p.lower() for piece in text.split() if (p := piece.strip(",;:!?."))]
        if CONTRACTED.isdisjoint(found):
            return found
    return [t.lower() for t in word_splitter(language)(text) if _WORDLIKE.search(t)]


@cache
def stop_words(folder: Path, language: str) -> frozenset[str]:
    """The stop words of a language from `<folder>/<language>.txt`; lines with # are comments."""
    path = folder / f"{language}.txt"
    try:
        entries = path.read_text(encoding="utf-8").splitlines()
    except OSError as problem:
        raise RawFileError(
            f"cannot read the stop words: {problem.strerror}",
            where=path,
            todo="run in the project folder, or restore the file",
        ) from None
    return frozenset(e.strip().lower() for e in entries if e.strip() and not e.startswith("#"))
