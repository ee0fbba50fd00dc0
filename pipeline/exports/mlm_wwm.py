"""`mlm-wwm`: texts with a blank between words, for masked language models with whole-word masking.

    {"id": "duie2/train/7", "text": "《 雾港 来信 》 是 作家 林 夏 的 第一部 长篇小说"}

Chinese words are jieba's; in English texts a word is a token as the other exports part it.
Whole-word collators take tokens that touch each other for one word: BERT's tokenizer parts 作家
into characters that touch, and blanks, which it drops, keep words apart. `text.split(" ")` gives
the words.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pipeline.exports import records
from pipeline.exports._files import json_lines
from pipeline.exports._tokens import tokens
from pipeline.text import word_splitter

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.exports import Source


def words(text: str, language: str) -> list[str]:
    """The words of a text, punctuation included, white space not."""
    if language == "en":
        return tokens(text).words
    parts = (piece for word in word_splitter(language)(text) for piece in word.split())
    return [*parts]


def export(source: Source, out: Path) -> dict[str, int]:
    """Write the texts of all records."""
    counts = Counter(rows=0, words=0)
    with json_lines(out) as write:
        for dataset, split, table in records(source):
            rows = []
            for record in table.select(["id", "text"]).to_pylist():
                parts = words(record["text"], dataset.language)
                rows.append({"id": record["id"], "text": " ".join(parts)})
                counts["words"] += len(parts)
            counts["rows"] += len(rows)
            write(f"{dataset.id}/{split}", rows)
    return {**counts}
