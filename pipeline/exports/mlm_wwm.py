"""`mlm-wwm`: texts with a blank between words, for masked language models with whole-word masking.

    {"id": "duie2/train/7", "text": "《 雾港 来信 》 是 作家 林 夏 的 第一部 长篇小说"}

Chinese words are jieba's; in English texts a word is a token of the other exports. Whole-word
collators take tokens that touch each other for one word: BERT's tokenizer splits 作家 into
characters that touch, and the blanks, which it drops, separate words. `text.split(" ")` gives the
words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.exports._tokens import tokens
from pipeline.text import word_splitter

if TYPE_CHECKING:
    from pipeline.catalog import Dataset


def words(text: str, language: str) -> list[str]:
    """The words and punctuation marks of a text, without white space."""
    if language == "en":
        return tokens(text)
    parts = (piece for word in word_splitter(language)(text) for piece in word.split())
    return [*parts]


def rows(
    record: dict[str, Any], dataset: Dataset, _: object
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The row of one record, and how many words it has."""
    parts = words(record["text"], dataset.language)
    return [{"text": " ".join(parts), "id": record["id"]}], {"words": len(parts)}
