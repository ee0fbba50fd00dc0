r"""Sentences with pairs of named strings, as CoType and CopyRE write them: JSON lines.

    {"sentText": "Mr. Alder left Brno for Veszprem , Hungary .", "relationMentions":
     [{"em1Text": "Hungary", "em2Text": "Veszprém", "label": "/location/location/contains"}]}

    {"sentId": 3, "articleId": "1", "sentText": "\"Ana Reyes of Quito spoke .\"\r\n",
     "relationMentions": [{"em1Text": "Quito", "em2Text": "Ana Reyes", "label": "None"}],
     "entityMentions": [{"start": 0, "text": "Ana Reyes", "label": "PERSON"}]}

There are no offsets: `start` counts the mentions. A mention's text is what the sentence holds:
where the knowledge base spells a name with other accents than the sentence, the sentence decides.
Line ends and the pair of double quotes around a sentence are cut (inside, quotes are `` and '').
Types belong to the strings in `entityMentions`, which leaves many names out: no gold for NER.
`articleId` is not read, for in the hand-labelled file it does not name an article.
"""

from __future__ import annotations

import unicodedata
from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline.readers._source import attempt, items, json_rows, label_of, listed
from pipeline.records import Mention, Record, Reject, Relation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def read(files: Sequence[Path], *, language: str) -> Iterator[Record | Reject]:  # noqa: ARG001
    """Yield one record per sentence, with every pair, those of no relation too."""
    for file in files:
        for origin, row in json_rows(file):
            item = attempt(origin, partial(_record, origin=origin), row)
            yield _counted(item, row) if isinstance(item, Reject) else item


def _counted(reject: Reject, row: Any) -> Reject:
    """A reject with the number of annotations that are lost with the sentence."""
    entities, relations = listed(row, "entityMentions"), listed(row, "relationMentions")
    return reject._replace(entities=len(entities), relations=len(relations))


def _record(row: dict[str, Any], *, origin: str) -> Record:
    text = row["sentText"].strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].strip()
    mentions: list[Mention] = []
    index: dict[str, int] = {}
    for entity in items(row.get("entityMentions", [])):
        name = as_written(text, entity["text"])
        index.setdefault(name, len(mentions))
        mentions.append(Mention(name, label=label_of(entity["label"])))
    relations = []
    for pair in items(row["relationMentions"]):
        ends = []
        for key in ("em1Text", "em2Text"):
            name = as_written(text, pair[key])
            if name not in index:
                index[name] = len(mentions)
                mentions.append(Mention(name))
            ends.append(index[name])
        relations.append(Relation(pair["label"], ends[0], ends[1]))
    return Record(text, origin, mentions, relations)


def as_written(text: str, name: str) -> str:
    """The first piece of `text` that differs from `name` in accents alone, or `name` itself."""
    if name in text:
        return name
    folded, origins = [], []
    for position, character in enumerate(text):
        base = _fold(character)
        folded.append(base)
        origins += [position] * len(base)
    wanted = _fold(name)
    start = "".join(folded).find(wanted) if wanted else -1
    if start < 0:
        return name
    end = origins[start + len(wanted) - 1] + 1
    while end < len(text) and unicodedata.combining(text[end]):
        end += 1
    return text[origins[start] : end]


def _fold(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c))
