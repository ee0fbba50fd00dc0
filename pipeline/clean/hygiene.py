"""What is odd about the annotations of records: found, counted, and mended only if asked.

kind                       what it is                                  `clean.fix` makes of it
`mention_not_in_text`      its string does not occur in the text       it goes, with its relations;
                                                                       an event loses the role
`span_with_two_labels`     the same span has another label before      the first stays, and what a
                                                                       relation or event uses
`relation_to_itself`       head and tail are one mention, or have one  the relation goes
                           span and label
`event_without_trigger`    (it has arguments)                          the event goes
`event_without_arguments`  (it has a trigger)                          the event goes
`empty_event`              neither trigger nor arguments               the event goes
`mention_cuts_word`        it begins or ends inside a word             (nothing)
`text_too_long`            more than `clean.long_text` characters      the record is dropped
`few_words`                English, not annotated, fewer than three    the record is dropped
                           words but for @names, #tags, links, digits
`wrong_language`           mostly in letters of another language       the record is dropped
`image_markup`             markup of an image                          the record is dropped
`label_differs_by_case`    a label like a commoner one but for case    (name both alike: TOML)

Values of enum roles are no spans, and the fragments of a discontinuous mention stand apart: neither
is a mention that does not occur.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.records import Mention, Record, renumbered, used_by
from pipeline.tables import annotated, flat, from_table, to_table
from pipeline.text import character_counts, characters, in_pieces, is_chinese, like, which

_EXAMPLES: Final = 3
#: Kinds of findings that drop a record if they are fixed.
OF_TEXTS: Final = ("text_too_long", "few_words", "wrong_language", "image_markup")
#: Names, tags and links of social media, and words; fewer than so many are few.
_NO_WORDS: Final = re.compile(r"[@#]\w+|(?:https?://|www\.)\S+")
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_FEW: Final = 3
#: A Chinese character says as much as so many letters; and so many more of the other script make a
#: text one of another language.
_LETTERS_PER_HAN: Final = 4
_FOREIGN: Final = 16
_IMAGE: Final = r"!\[[^\]]*\]\(|<img\b|\[/?img\]|\.(?:jpe?g|png|gif|svg) ?\|"
#: Whether an event lacks its trigger, and all arguments -> the kind of finding.
_HOLLOW: Final = {
    (True, True): "empty_event",
    (True, False): "event_without_trigger",
    (False, True): "event_without_arguments",
}
#: Columns with labels, by the kind of label.
_LABELED: Final = (("mentions", "entity"), ("relations", "relation"), ("events", "event"))


class Finding(NamedTuple):
    """Something odd in one record: `item` counts its mentions, relations or events."""

    row: int
    kind: str
    item: int
    detail: str


def findings(table: Any, enum_roles: Collection[str], long_text: int) -> list[Finding]:
    """All that is odd in the records of a table, but for labels, in the order of the records."""
    parts = (
        _mentions(table, enum_roles),
        _cut_words(table),
        _relations(table),
        _events(table),
        _texts(table, long_text),
    )
    return sorted(finding for part in parts for finding in part)


def _texts(table: Any, long_text: int) -> Iterator[Finding]:
    """What is odd about whole texts: these are the kinds that may drop a record."""
    texts, language = table["text"], np.array(table["language"].to_pylist(), object)
    lengths = pc.utf8_length(texts).to_numpy()
    latin, chinese = character_counts(texts.to_pylist(), _is_latin, is_chinese)
    han = chinese * _LETTERS_PER_HAN
    foreign = np.where(language == "en", han - latin, np.where(language == "zh", latin - han, 0))
    images = pc.match_substring_regex(texts, _IMAGE, ignore_case=True)
    masks = {
        "text_too_long": lengths > long_text,
        "few_words": (language == "en") & ~annotated(table),
        "wrong_language": foreign > _FOREIGN,
        "image_markup": images.to_numpy(),
    }
    for kind, mask in masks.items():
        for row in np.flatnonzero(mask).tolist():
            text = texts[row].as_py()
            if kind == "few_words" and len(_WORD.findall(_NO_WORDS.sub(" ", text))) >= _FEW:
                continue
            detail = f"{lengths[row]} characters" if kind == "text_too_long" else text
            yield Finding(row, kind, 0, detail)


def _cut_words(table: Any) -> Iterator[Finding]:
    """Mentions that begin or end between two letters, where words stand apart."""
    items, rows, begins = flat(table, "mentions")
    spaced = np.array([like(language) == "en" for language in table["language"].to_pylist()], bool)
    texts = table["text"].to_pylist()
    codes, firsts = characters(texts)
    # Which characters are letters that follow a letter of the same text; none comes after the last.
    inside = np.append(which(codes, str.isalpha), False)
    inside[1:] &= inside[:-1]
    inside[firsts] = False
    # A mention without offsets is taken to begin and end where its text begins; offsets out of all
    # texts, as of a shard that was changed, are for `invariant` to name.
    start, end = (pc.fill_null(pc.struct_field(items, n), 0).to_numpy() for n in ("start", "end"))
    edges = (inside.take(firsts[rows] + edge, mode="clip") for edge in (start, end))
    cut = spaced[rows] & np.logical_or(*edges)
    for at in np.flatnonzero(cut).tolist():
        text, a, b = texts[rows[at]], start[at], end[at]
        around = f"{text[max(0, a - 10) : a]}[{text[a:b]}]{text[b : b + 10]}"
        yield Finding(int(rows[at]), "mention_cuts_word", int(at - begins[rows[at]]), around)


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalpha()


def _column(items: Any, name: str) -> Any:
    return pc.struct_field(items, name).to_numpy(zero_copy_only=False)


def _mentions(table: Any, enum_roles: Collection[str]) -> Iterator[Finding]:
    items, rows, begins = flat(table, "mentions")
    start, end = _column(items, "start"), _column(items, "end")
    placed = pc.is_valid(pc.struct_field(items, "start")).to_numpy(zero_copy_only=False)
    labels = pc.struct_field(items, "label")
    for at in np.flatnonzero(~placed).tolist():
        row, string = int(rows[at]), items[at]["text"].as_py()
        index = int(at - begins[row])
        if not in_pieces(string, table["text"][row].as_py()):
            roles = _roles(table["events"][row].as_py(), index)
            if not (roles and roles <= {*enum_roles}):
                yield Finding(row, "mention_not_in_text", index, string)
    labeled = np.flatnonzero(placed & pc.is_valid(labels).to_numpy(zero_copy_only=False))
    codes = pc.dictionary_encode(labels.take(pa.array(labeled))).indices.to_numpy()
    keys = np.stack([rows[labeled], start[labeled], end[labeled]]).astype(np.int64)
    _, firsts, span = np.unique(keys, axis=1, return_index=True, return_inverse=True)
    leads = firsts[span.ravel()]  # the first mention of each span
    for later in np.flatnonzero(codes != codes[leads]):
        at, other = labeled[later], labeled[leads[later]]
        item, row = items[at].as_py(), rows[at]
        detail = f"{item['text']}: {labels[other].as_py()}, {item['label']}"
        yield Finding(int(row), "span_with_two_labels", int(at - begins[row]), detail)


def _roles(events: Any, mention: int) -> set[str]:
    return {a["role"] for e in events for a in e["arguments"] if a["mention"] == mention}


def _relations(table: Any) -> Iterator[Finding]:
    items, rows, begins = flat(table, "relations")
    mentions, _, firsts = flat(table, "mentions")
    head, tail = (firsts[rows] + _column(items, name) for name in ("head", "tail"))
    # Without offsets, nobody can tell whether two equal strings are one mention.
    same = pc.is_valid(pc.struct_field(mentions, "start")).to_numpy(zero_copy_only=False)[head]
    for name in ("start", "end", "label"):
        values = pc.struct_field(mentions, name).dictionary_encode("encode").indices.to_numpy()
        same &= values[head] == values[tail]
    for at in np.flatnonzero(same | (head == tail)).tolist():
        detail = f"{mentions[int(head[at])]['text'].as_py()}: {items[at]['label'].as_py()}"
        yield Finding(int(rows[at]), "relation_to_itself", int(at - begins[rows[at]]), detail)


def _events(table: Any) -> Iterator[Finding]:
    items, rows, begins = flat(table, "events")
    bare = pc.is_null(pc.struct_field(items, "trigger")).to_numpy(zero_copy_only=False)
    alone = pc.list_value_length(pc.struct_field(items, "arguments")).to_numpy() == 0
    for at in np.flatnonzero(bare | alone).tolist():
        kind, label = _HOLLOW[bool(bare[at]), bool(alone[at])], items[at]["label"].as_py()
        yield Finding(int(rows[at]), kind, int(at - begins[rows[at]]), label)


def counted(table: Any, odd: Sequence[Finding]) -> dict[str, Any]:
    """The findings and labels of one shard as JSON: {"found": by kind, "labels": with counts}."""
    kinds: dict[str, dict[str, Any]] = {}
    for kind in sorted({finding.kind for finding in odd}):
        of_kind = [finding for finding in odd if finding.kind == kind]
        kinds[kind] = {
            "found": len(of_kind),
            "records": len({finding.row for finding in of_kind}),
            "examples": [
                {"id": table["id"][finding.row].as_py(), "detail": finding.detail[:200]}
                for finding in of_kind[:_EXAMPLES]
            ],
        }
    labels = []
    for column, kind in _LABELED:
        items, _, _ = flat(table, column)
        names = pc.value_counts(pc.drop_null(pc.struct_field(items, "label")))
        labels += [[kind, entry["values"], entry["counts"]] for entry in names.to_pylist()]
    return {"found": kinds, "labels": labels}


def summary(shards: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """Split -> kind -> how many findings, in how many records, and the first of them.

    `shards` are (split, what `counted` says of a shard), in the order of the records.
    """
    splits: defaultdict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    labels: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for split, shard in shards:
        labels[split].update({(kind, label): n for kind, label, n in shard["labels"]})
        for kind, more in shard["found"].items():
            total = splits[split].setdefault(kind, {"found": 0, "records": 0, "examples": []})
            total["found"] += more["found"]
            total["records"] += more["records"]
            total["examples"] = [*total["examples"], *more["examples"]][:_EXAMPLES]
    common = _commonest_spellings(sum(labels.values(), Counter()))
    for split, counts in labels.items():
        if rare := [key for key in common if counts[key]]:
            splits[split]["label_differs_by_case"] = {
                "found": sum(counts[key] for key in rare),
                "examples": [
                    {"kind": key[0], "detail": f"{key[1]}, commonly {common[key]}"}
                    for key in rare[:_EXAMPLES]
                ],
            }
    return {split: dict(sorted(splits[split].items())) for split in labels}


def _commonest_spellings(counts: Counter[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """(kind, label) -> the commonest label that differs from it by case alone, if there is one."""
    spellings: defaultdict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for kind, label in sorted(counts, key=lambda key: (-counts[key], key)):
        spellings[kind, label.casefold()].append((kind, label))
    return {key: first[1] for first, *others in spellings.values() for key in others}


def mended(table: Any, odd: list[Finding], kinds: Collection[str]) -> Any:
    """The table with the findings of these kinds mended; a text is never changed."""
    wanted: defaultdict[int, set[tuple[str, int]]] = defaultdict(set)
    for finding in odd:
        if finding.kind in kinds and finding.kind not in OF_TEXTS:
            wanted[finding.row].add((finding.kind, finding.item))
    if not wanted:
        return table
    part = table.take(pa.array([*wanted]))
    pairs = zip(from_table(part), wanted.values(), strict=True)
    records = [_without_hollow_events(_mended(r, faults), kinds) for r, faults in pairs]
    first = part.slice(0, 1).to_pylist()[0]
    names = {name: first[name] for name in ("dataset", "split", "language")}
    new = to_table(records, part["id"].to_pylist(), **names)
    order = np.arange(table.num_rows)
    order[[*wanted]] = table.num_rows + np.arange(new.num_rows)
    return pa.concat_tables([table, new]).take(pa.array(order)).combine_chunks()


def _without_hollow_events(record: Record, kinds: Collection[str]) -> Record:
    """The record without the events that have no trigger or no arguments, or have them no more."""
    kind_of = ((e, _HOLLOW.get((e.trigger is None, not e.arguments))) for e in record.events)
    return record._replace(events=[event for event, kind in kind_of if kind not in kinds])


def _mended(record: Record, odd: set[tuple[str, int]]) -> Record:
    absent = {i for kind, i in odd if kind == "mention_not_in_text"}
    # What a relation or an event uses keeps its label: their signatures ask for it.
    second = {i for kind, i in odd if kind == "span_with_two_labels"} - used_by(
        record.relations, record.events
    )
    gone_relations = {i for kind, i in odd if kind == "relation_to_itself"}
    left = [i for i in range(len(record.mentions)) if i not in absent]
    new = {i: n for n, i in enumerate(left)}
    mentions: list[Mention] = [
        record.mentions[i]._replace(label=None) if i in second else record.mentions[i] for i in left
    ]
    stay = (r for i, r in enumerate(record.relations) if i not in gone_relations)
    relations, events = renumbered(stay, record.events, new)
    return record._replace(mentions=mentions, relations=relations, events=events)
