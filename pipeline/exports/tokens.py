"""Formats of tokens, and the tokens that turn character spans into token spans.

The tokenization is the first step of BERT models: a Chinese character is a token, and so is a
punctuation mark; these and white space separate the other tokens. It needs no model and does not
depend on labels, so a text without annotations is split in the same way:

    "Dr. Vale joined 雾港 in 2019"  ->  Dr | . | Vale | joined | 雾 | 港 | in | 2019

A mention that begins or ends inside a token has no token span. The exports count those.

The formats are functions (record, dataset, labels to ask) -> (rows, counts of what is written and
lost): `bio`, `bio_strings`, `gliner`, `spert`, `mlm_wwm`.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
import pyarrow as pa

from pipeline.catalog import Dataset
from pipeline.exports import Made
from pipeline.exports._label_sets import LabelSets, parts
from pipeline.text import word_splitter

#: The type of ends of relations that have none.
UNTYPED: Final = "entity"

#: The blocks of CJK ideographs that BERT's tokenizer makes single tokens.
_HAN: Final = (
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0002a6df\U0002a700-\U0002b73f\U0002b740-\U0002b81f\U0002b820-\U0002ceaf"
    "\U0002f800-\U0002fa1f"
)
#: A combining mark is not a word character in `re`, but BERT leaves it with its letter.
_MARKS: Final = "\u0300-\u036f"
_TOKEN: Final = re.compile(rf"[{_HAN}]|(?:(?![{_HAN}_])[\w{_MARKS}])+|[^\w\s]|_")


def tokens(text: str) -> list[str]:
    """Split a text into tokens."""
    return _TOKEN.findall(text)


class Aligned(NamedTuple):
    """The tokens of a text, and the mentions in it as token spans."""

    words: list[str]
    #: Index of the mention -> (first token, token after the last).
    spans: dict[int, tuple[int, int]]
    #: Mentions left out: those without offsets, and those whose ends fall inside tokens.
    lost: Counter[str]


def aligned(text: str, mentions: Sequence[dict[str, Any]]) -> Aligned:
    """The tokens of a text and the token spans of its mentions.

    White space at the ends of a mention is ignored, because it belongs to no token.
    """
    matches = [*_TOKEN.finditer(text)]
    begins = {match.start(): i for i, match in enumerate(matches)}
    ends = {match.end(): i + 1 for i, match in enumerate(matches)}
    spans: dict[int, tuple[int, int]] = {}
    lost: Counter[str] = Counter()
    for index, mention in enumerate(mentions):
        start, surface = mention["start"], mention["text"]
        if start is None:
            lost["without offsets"] += 1
            continue
        first = begins.get(start + len(surface) - len(surface.lstrip()))
        last = ends.get(start + len(surface.rstrip()))
        if first is None or last is None:
            lost["inside a token"] += 1
        else:
            spans[index] = first, last
    return Aligned([match.group() for match in matches], spans, lost)


class Graph(NamedTuple):
    """The annotations of a record over its tokens."""

    words: list[str]
    #: (first token, token after the last, label), distinct, in their order.
    entities: list[tuple[int, int, str]]
    #: (head, tail, label); head and tail are indices into `entities`.
    relations: list[tuple[int, int, str]]
    counts: dict[str, int]


def graph(record: dict[str, Any], untyped: str = "") -> Graph:
    """The entities and relations of a record over its tokens, and counts of those kept and lost.

    Ends of relations without a label become entities with the label `untyped`, unless it is "".
    """
    mentions, relations = record["mentions"], record["relations"]
    ends = {i for x in relations for i in (x["head"], x["tail"])} if untyped else set()
    used = [i for i, m in enumerate(mentions) if m["label"] is not None or i in ends]
    placed = aligned(record["text"], [mentions[i] for i in used])
    spans = {
        used[i]: (*span, mentions[used[i]]["label"] or untyped) for i, span in placed.spans.items()
    }
    entities = sorted({*spans.values()})
    number = {entity: i for i, entity in enumerate(entities)}
    kept = [x for x in relations if x["head"] in spans and x["tail"] in spans]
    linked = dict.fromkeys(
        (number[spans[x["head"]]], number[spans[x["tail"]]], x["label"]) for x in kept
    )
    counts = {
        "entities": len(entities),
        "relations": len(linked),
        **{f"lost: entities {why}": n for why, n in placed.lost.items()},
        "lost: relations of which an end is lost": len(relations) - len(kept),
    }
    return Graph(placed.words, entities, [*linked], counts)


def bio_names(dataset: Dataset) -> list[str]:
    """The tags of a dataset; a tag's number is its index."""
    return ["O", *(f"{prefix}-{label}" for label in dataset.labels_of("entity") for prefix in "BI")]


def bio(record: dict[str, Any], dataset: Dataset, _: object = None) -> Made:
    """`bio`: tokens with BIO tags as numbers, for token classification and BERT+CRF taggers.

        {"tokens": ["林", "夏", "在"], "ner_tags": [1, 2, 0], "id": "msra/train/7", ...}

    Parquet, one folder per dataset; `load_dataset` shows `ner_tags` as ClassLabel, and labels.json
    lists the names for other programs: O, then B-x and I-x of every label. Tags are flat: of
    mentions that overlap, the longest is kept, of equally long ones the first; the others count as
    nested.
    """
    labels = dataset.labels_of("entity")
    mentions = [m for m in record["mentions"] if m["label"] is not None]
    placed = aligned(record["text"], mentions)
    spans = dict.fromkeys((span, mentions[i]["label"]) for i, span in placed.spans.items())
    tags = [0] * len(placed.words)
    kept = 0
    for (first, last), label in sorted(spans, key=lambda s: (s[0][0] - s[0][1], s[0][0])):
        if not any(tags[first:last]):
            begin = 1 + 2 * labels.index(label)
            tags[first:last] = [begin] + [begin + 1] * (last - first - 1)
            kept += 1
    counts = {"entities": kept, "lost: entities nested": len(spans) - kept}
    counts.update({f"lost: entities {why}": n for why, n in placed.lost.items()})
    return [{"tokens": placed.words, "ner_tags": tags, "id": record["id"]}], counts


def bio_strings(record: dict[str, Any], dataset: Dataset, _: object = None) -> Made:
    """`bio-strings`: the same with tags as strings, as EvalScope and seqeval read them."""
    (row,), counts = bio(record, dataset)
    tags = bio_names(dataset)
    return [{**row, "ner_tags": [tags[number] for number in row["ner_tags"]]}], counts


def bio_files(dataset: Dataset) -> dict[str, bytes]:
    """The names of the tags."""
    return {"labels.json": orjson.dumps(bio_names(dataset), option=orjson.OPT_INDENT_2)}


def bio_schema(dataset: Dataset) -> Any:
    """The columns of `bio`, with the features that `load_dataset` reads from the file."""
    string = {"dtype": "string", "_type": "Value"}
    tag = {"names": bio_names(dataset), "_type": "ClassLabel"}
    features = {
        "tokens": {"feature": string, "_type": "List"},
        "ner_tags": {"feature": tag, "_type": "List"},
        "id": string,
        "record_id": string,
    }
    types = (pa.list_(pa.string()), pa.list_(pa.int64()), pa.string(), pa.string())
    return pa.schema(
        [*zip(features, types, strict=True)],
        metadata={"huggingface": orjson.dumps({"info": {"features": features}})},
    )


def gliner(record: dict[str, Any], dataset: Dataset, sets: Mapping[str, LabelSets]) -> Made:
    """`gliner`: tokens, entity spans with inclusive ends, and absent labels to ask.

        [{"tokenized_text": ["Ines", "Vale", "of", "Split"],
          "ner": [[0, 1, "person"], [3, 3, "place"]], "ner_negatives": ["organization", "group"],
          "relations": [[0, 1, "lives in"]], "rel_negatives": ["works for"]}]

    A train row asks one set of near labels, as the instructions do; the absent labels of the set
    are `ner_negatives`. A record has a row for every set that it is asked. Without negatives GLiNER
    takes the labels of a row's neighbors in the batch. Dev and test ask all labels in one row. The
    last two columns are there only where the dataset also declares RE. Then relations are asked in
    sets, with all entity labels in each row; relations index `ner`.
    """
    asked = {t: labels for t, labels in sets.items() if t in {"NER", "RE"} & {*dataset.tasks}}
    counts = graph(record).counts
    if "RE" not in asked:
        counts = {key: n for key, n in counts.items() if "relations" not in key}
        counts["lost: relations"] = len(record["relations"])
    return [gliner_row(*part) for part in parts(record, asked)], counts


def gliner_row(record: dict[str, Any], asked: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The row of one record; `asked` has the labels by task."""
    tokenized = graph(record)
    present = {mention["label"] for mention in record["mentions"]}
    row: dict[str, Any] = {
        "tokenized_text": tokenized.words,
        "ner": [(first, end - 1, label) for first, end, label in tokenized.entities],
        "ner_negatives": [label for label in asked["NER"] if label not in present],
    }
    if "RE" in asked:
        related = {relation["label"] for relation in record["relations"]}
        row["relations"] = tokenized.relations
        row["rel_negatives"] = [label for label in asked["RE"] if label not in related]
    return row


def spert(record: dict[str, Any], *_: object) -> Made:
    """`spert`: tokens with entities and relations as token spans, for SpERT and other span models.

        [{"tokens": ["Ines", "Vale", "of", "Split"],
          "entities": [{"type": "person", "start": 0, "end": 2},
                       {"type": "place", "start": 3, "end": 4}],
          "relations": [{"type": "lives in", "head": 0, "tail": 1}], "orig_id": "conll04/train/7"}]

    There is an array per split and dataset. Ends are exclusive; heads and tails are indices into
    `entities`; types.json names the types. Span models draw their negatives from all other spans
    and pairs, so entities can be learned only from datasets that annotate all of them (those with
    the task NER). Ends of relations without a type get the type "entity".
    """
    tokenized = graph(record, UNTYPED)
    row = {
        "tokens": tokenized.words,
        "entities": [{"type": kind, "start": s, "end": e} for s, e, kind in tokenized.entities],
        "relations": [{"type": label, "head": h, "tail": t} for h, t, label in tokenized.relations],
        "orig_id": record["id"],
        "id": record["id"],
    }
    return [row], tokenized.counts


def spert_files(dataset: Dataset) -> dict[str, bytes]:
    """The types file: entity types and relation types, with their direction."""
    kinds = [*dataset.labels_of("entity")] + ([] if "NER" in dataset.tasks else [UNTYPED])
    relations = dataset.labels_of("relation") if {"RE", "SPO"} & {*dataset.tasks} else ()
    types = {
        "entities": {kind: {"short": kind, "verbose": kind} for kind in dict.fromkeys(kinds)},
        "relations": {r: {"short": r, "verbose": r, "symmetric": False} for r in relations},
    }
    return {"types.json": orjson.dumps(types, option=orjson.OPT_INDENT_2)}


def mlm_wwm(record: dict[str, Any], dataset: Dataset, _: object = None) -> Made:
    """`mlm-wwm`: texts with a blank between words, for whole-word masking.

        {"id": "duie2/train/7", "text": "《 雾港 来信 》 是 作家 林 夏 的 第一部 长篇小说"}

    Chinese words are jieba's; in English texts a word is a token of the other exports. Whole-word
    collators take tokens that touch each other for one word: BERT's tokenizer splits 作家 into
    characters that touch, and the blanks, which it drops, separate words. `text.split(" ")` gives
    the words.
    """
    split = tokens if dataset.language == "en" else word_splitter(dataset.language)
    words = [piece for word in split(record["text"]) for piece in word.split()]
    return [{"text": " ".join(words), "id": record["id"]}], {"words": len(words)}
