"""The three cleaning rules. Each is a function from a table of records to a mask: True is dropped.

1. `mostly_non_letters`  more than a share of the characters are not letters. Letters are Unicode
   letters, so Chinese characters count; white space and combining marks count on neither side.
2. `too_short`           fewer than so many characters, and no annotation at all.
3. `mostly_stop_words`   more than a share of the words are stop words.

After IEPile (Gui et al., ACL 2024, section 3.1).
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import text
from pipeline.clean import chinese
from pipeline.config import Clean
from pipeline.tables import annotated

#: A list of stop words per language.
STOP_WORDS: Final = Path(__file__).parent / "stop_words"
#: A share that equals its threshold does not exceed it, whatever floats make of 0.8.
_TOLERANCE: Final = 1e-9
#: A piece that NLTK's tokenizer parts into one word and punctuation around it.
_PLAIN: Final = re.compile(r"[(\[\"]?([A-Za-z]+|[0-9]+)[,.;:!?)\]\"]*")
_WORDLIKE: Final = re.compile(r"[^\W_]")
_CONTENT: Final = -1
#: How many pieces of texts are remembered: most of a text are among the commonest.
_PIECES: Final = 1 << 16


def mostly_non_letters(table: Any, max_share: float) -> Any:
    """Texts of which more than `max_share` of the characters are not letters."""
    letters, visible = text.letter_counts(table["text"])
    return ((visible - letters) > max_share * visible + _TOLERANCE) | (visible == 0)


def too_short(table: Any, min_characters: int) -> Any:
    """Texts of fewer than `min_characters` characters that carry no annotation."""
    length = pc.utf8_length(pc.utf8_trim_whitespace(table["text"])).to_numpy()
    short = length < min_characters
    if not short.any():
        return short
    return short & ~annotated(table)


def mostly_stop_words(table: Any, max_share: float, folder: Path) -> Any:
    """Texts of which more than `max_share` of the words are stop words; see `folder` for these."""
    out = np.zeros(table.num_rows, bool)
    bounds = {"en": _most_in_english, "zh": chinese.most_stop_share}
    for language in sorted(pc.unique(table["language"]).to_pylist()):
        rows = np.flatnonzero(pc.equal(table["language"], language).to_numpy())
        stops = text.stop_words(folder, language)
        if stops:
            texts = table["text"].take(pa.array(rows)).to_pylist()
            # Parting a text into words costs fifty times more than a bound that mostly settles it.
            most = bounds[language](texts, stops) if language in bounds else np.ones(len(texts))
            for i in np.flatnonzero(most > max_share + _TOLERANCE):
                words = text.words(texts[i], language)
                share = sum(word in stops for word in words) / max(len(words), 1)
                out[rows[i]] = share > max_share + _TOLERANCE
    return out


def _most_in_english(texts: Sequence[str], stops: frozenset[str]) -> Any:
    """The highest share of stop words that each text may have, from its pieces between blanks."""
    pieces = pc.utf8_split_whitespace(pa.array(texts, pa.large_string()))
    encoded = pc.list_flatten(pieces).dictionary_encode()
    weights = [_possible(piece, stops) for piece in encoded.dictionary.to_pylist()]
    weight = np.array(weights, np.int64)
    weight = weight[encoded.indices.to_numpy()]
    text = pc.list_parent_indices(pieces).to_numpy()
    content = np.bincount(text[weight == _CONTENT], minlength=len(texts))
    possible = np.bincount(text, np.maximum(weight, 0), minlength=len(texts))
    return possible / np.maximum(possible + content, 1)


@lru_cache(_PIECES)
def _possible(piece: str, stops: frozenset[str]) -> int:
    """How many stop words a piece may hold at most; `_CONTENT` if it is a word that is none.

    A piece that is not plain is taken for as many as it has letters and digits.
    """
    plain = _PLAIN.fullmatch(piece)
    word = plain[1].lower() if plain else ""
    if not plain or word in text.CONTRACTED:
        return len(_WORDLIKE.findall(piece))
    return 1 if word in stops else _CONTENT


def first_reason(table: Any, settings: Clean, stop_words: Path) -> Any:
    """The name of the first rule that drops each record, or null, as a string array."""
    odd = mostly_non_letters(table, settings.max_non_letter_share)
    short = too_short(table, settings.min_characters)
    left = np.flatnonzero(~(odd | short))  # words cost most: only where nothing else decides
    empty = np.zeros(table.num_rows, bool)
    part = table.take(pa.array(left))
    empty[left] = mostly_stop_words(part, settings.max_stop_word_share, stop_words)
    reason = pa.nulls(table.num_rows, pa.string())
    rules = (("mostly_stop_words", empty), ("too_short", short), ("mostly_non_letters", odd))
    for name, mask in rules:
        reason = pc.if_else(pa.array(mask), name, reason)
    return reason


def details(table: Any, reasons: Any, stop_words: Path) -> Any:
    """What each dropped record was dropped for, in figures; null for the others."""
    out: list[str | None] = [None] * table.num_rows
    rows = np.flatnonzero(pc.is_valid(reasons).to_numpy(zero_copy_only=False))
    if len(rows):
        part = table.take(pa.array(rows))
        letters, visible = text.letter_counts(part["text"])
        for i, row in enumerate(rows):
            sentence, reason = part["text"][i].as_py(), reasons[row].as_py()
            if reason == "mostly_non_letters":
                out[row] = f"{visible[i] - letters[i]} of {visible[i]} characters are not letters"
            elif reason == "too_short":
                out[row] = f"{len(sentence.strip())} characters"
            else:
                language = part["language"][i].as_py()
                words = text.words(sentence, language)
                stops = text.stop_words(stop_words, language)
                out[row] = f"{sum(w in stops for w in words)} of {len(words)} words are stop words"
    return pa.array(out, pa.string())
