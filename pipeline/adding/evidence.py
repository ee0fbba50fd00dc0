"""What records hold: counted for a declaration, and judged as evidence for a reading.

Texts are text, labels are few and recur, and mentions are words of their text. A reading that
breaks one of these rules does not fit, however many rows it accepts. `doubt` says which.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final

import xxhash

from pipeline.catalog import Dataset, Labels
from pipeline.normalize.account import KINDS, Tally
from pipeline.records import Record, Reject, used_by, violation

#: Fewer labels or mentions than this say nothing about a file.
MANY: Final = 12
#: Labels that are whole tags or parts of them: B, I-PER, per-b, E_LOC.
_TAGLIKE: Final = re.compile(r"(?i)[BIESMLUWO](?:[-_:].+)?|.+[-_:][BIESMLUW]|[-_.]+")
#: What may replace a label: an index into a list kept elsewhere, or a mark for an empty cell.
_NUMBER: Final = re.compile(r"-?\d+(?:[.,]\d+)?|_|-")
_LONG: Final = re.compile(r".{81,}", re.DOTALL)
_WORD: Final = re.compile(r"\w+")
#: A tag inside a text: the text is then a row of a table, not a sentence.
_TAG_IN_TEXT: Final = re.compile(r"(?:^|\s)(?:O|[BIESMLU][-_][A-Za-z]\S*)(?=\s|$)")
#: An element of XML or HTML in a text: how it is annotated may be in there.
_MARKUP: Final = re.compile(r"<([A-Za-z][\w.-]*)\b[^<>]*>.*</\1>", re.DOTALL)
#: So much of a text is searched for it: what it takes grows with the square of that.
_BEGINNING: Final = 2_000
#: Above this share of annotated characters, nearly all of the text is annotated.
_DENSE: Final = 0.92
_LANGUAGES: Final = re.compile(r"([a-z]{2,3}:)\S+(?: \1\S+)*")
_SINGLE: Final = re.compile(r"[A-Za-z0-9_\u00c0-\u04ff-]{1,24}")
_LONGEST_SENTENCE: Final = 20_000
_HAN: Final = re.compile(r"[\u3400-\u9fff]")
_NUMBERED: Final = re.compile(r"[\u3400-\u9fff]\d")
_ALPHABET: Final = re.compile(r"[A-Za-z\u00c0-\u04ff]")


def labels_in(records: Iterable[Record]) -> dict[str, Counter[str]]:
    """Count the raw labels of each kind: kind -> raw label -> count."""
    entities, relations, events, roles = (Counter[str]() for _ in range(4))
    for record in records:
        entities.update([m.label for m in record.mentions if m.label is not None])
        relations.update([r.label for r in record.relations])
        events.update([e.label for e in record.events])
        slots = [*(r.qualifiers for r in record.relations), *(e.arguments for e in record.events)]
        roles.update([slot.role for filled in slots for slot in filled])
    return {"entity": entities, "relation": relations, "event": events, "role": roles}


def weight(records: Sequence[Record]) -> int:
    """Count the labels of the records, weighted: relations and events weigh more than spans."""
    weights = {"entity": 1, "relation": 3, "event": 3, "role": 1}
    return sum(weights[kind] * counts.total() for kind, counts in labels_in(records).items())


def doubt(records: Sequence[Record], *, sentences: bool, lines: bool) -> str | None:
    """Say why these records cannot be what the file means; None if nothing speaks against them.

    `sentences` says that each record should be one sentence, as in files of tokens and tags;
    `lines` that a text is a line of a file or a part of it, where a tab parts cells.
    """
    labels = labels_in(records)
    return (
        _odd_text(records, sentences=sentences, lines=lines)
        or _odd_names(labels["entity"])
        or _odd_names(labels["relation"] + labels["event"])
        or crowded(labels["entity"], 0.8)
        or _words_of_text(records, labels["entity"])
        or _odd_mentions(records)
    )


def _odd_text(records: Sequence[Record], *, sentences: bool, lines: bool) -> str | None:
    texts = [record.text for record in records]
    tests: dict[str, Callable[[str], object]] = {
        "the texts hold no words": lambda text: not any(map(str.isalpha, text)),
        "the texts look like tags": lambda text: (
            len(_TAG_IN_TEXT.findall(text)) * 3 >= len(text.split())
        ),
        "each word names its language": _LANGUAGES.fullmatch,
        "the texts hold several cells of a table": lambda text: (
            lines and "\t" in text and "\n" not in text
        ),
        "the texts hold markup": lambda text: _MARKUP.search(text[:_BEGINNING]),
    }
    for problem, is_odd in tests.items():
        odd = [text for text in texts if is_odd(text)]
        if len(odd) * 2 > len(texts):
            return f"{problem}: {odd[0]!r:.60}"
    shown = f"{texts[0]!r:.60}"
    single = sum(_SINGLE.fullmatch(text) is not None for text in texts)
    if (len(texts) >= MANY and single * 10 > 9 * len(texts)) or single == len(texts) > 2:
        return f"the texts are single words: {shown}"
    han = sum(len(_HAN.findall(text)) for text in texts)
    if sum(len(_NUMBERED.findall(text)) for text in texts) * 2 > han > MANY:
        return f"the characters bear numbers: {shown}"
    marks = [text for text in texts if '"' in text]
    doubled = [t for t in marks if '""""' in t or (t[0] == t[-1] == '"' and '""' in t[1:-1])]
    if len(doubled) * 2 > len(marks):
        return f"cells stand in quotation marks: {doubled[0]!r:.60}"
    longest = _LONGEST_SENTENCE if len(texts) > 1 else _LONGEST_SENTENCE // 20
    if sentences and max(map(len, texts)) > longest:
        return f"one sentence has {max(map(len, texts)):,} characters: {shown}"
    return None


def _odd_names(counts: Counter[str]) -> str | None:
    """Say if most labels look like tags, numbers or texts; None if they do not."""
    kinds = {"numbers": _NUMBER, "tags of another scheme": _TAGLIKE, "texts": _LONG}
    for words, pattern in kinds.items():
        odd = Counter({label: n for label, n in counts.items() if pattern.fullmatch(label)})
        if odd.total() * 2 > counts.total():
            return f"the labels look like {words}: {_some(odd)}"
    return None


def crowded(entities: Counter[str], share: float = 0.5) -> str | None:
    """Warn if there are nearly as many entity labels as entities; None if there are fewer.

    Relations are not judged: an excerpt may hold as many labels of relations as relations.
    """
    if len(entities) < MANY or len(entities) <= share * entities.total():
        return None
    return (
        f"{len(entities):,} entity labels for {entities.total():,} entities: are these labels "
        f"({_some(entities)}, ...), or does the reader take other columns, fields or comments for "
        "them?"
    )


def _words_of_text(records: Sequence[Record], entities: Counter[str]) -> str | None:
    """Say if most labels are words of the texts that they label; None if they are not.

    Labels that are the strings of their entities are so, however few they are.
    """
    standing = same = total = 0
    for record in records:
        words = {*_WORD.findall(record.text)}
        strings = [(m.label, m.text) for m in record.mentions if m.label is not None]
        total += len(strings)
        standing += sum(label in words for label, _ in strings)
        same += sum(string.startswith(label) for label, string in strings)
    if same * 2 > total:
        return f"the labels are the strings that they label: {_some(entities)}"
    if standing * 2 > total and len(entities) > 3:
        return f"the labels are words of the texts: {_some(entities)}"
    return None


def _odd_mentions(records: Sequence[Record]) -> str | None:
    labeled = [(r, m) for r in records for m in r.mentions if m.label is not None]
    if len(labeled) < MANY:
        return None
    single = sum(len(m.text) == 1 and bool(_ALPHABET.match(m.text)) for _, m in labeled)
    if single * 2 > len(labeled):
        return f"the entities are single letters: {f'{labeled[0][1].text!r:.40}'}"
    covered = everything = 0
    for record in records:
        taken: set[int] = set()
        for m in record.mentions:
            if m.label is not None:
                start = record.text.find(m.text) if m.start is None else m.start
                taken.update(range(start, start + len(m.text)))
        solid = [i for i, c in enumerate(record.text) if not c.isspace()]
        covered += sum(i in taken for i in solid)
        everything += len(solid)
    if covered > _DENSE * everything:
        labels = Counter(m.label for _, m in labeled if m.label is not None)
        return f"nearly all of the text is annotated, with {_some(labels)}"
    return None


def _some(labels: Counter[str]) -> str:
    return ", ".join(f"{label!r:.40}" for label in sorted(labels)[:3])


#: How many texts are kept to detect the language.
_TEXTS: Final = 1000


#: A dataset of which nothing is known yet: `normalize` counts before it names labels.
UNKNOWN: Final = Dataset("", "", "unstated", "", "unstated", [], {}, Labels())


class Survey:
    """What the annotations of all splits hold."""

    def __init__(self) -> None:
        self.labels = labels_in(())
        #: Event label -> how often it has each role.
        self.roles: dict[str, Counter[str]] = {}
        #: (type of the head, relation, type of the tail) -> count.
        self.signatures: Counter[tuple[str | None, str, str | None]] = Counter()
        #: Split -> records, entities, ... as `normalize` counts them, rejects included.
        self.counts: dict[str, dict[str, int]] = {}
        #: Split -> what could not be read.
        self.rejects: dict[str, list[Reject]] = {}
        #: Sound records; those with one relation or event at most; the hashes of distinct texts.
        self.records = self.single = 0
        self.distinct: set[int] = set()
        #: Labeled mentions that are annotations by themselves: with offsets, or in no relation
        #: or event. (The types of triples without offsets are not counted.) Events with a trigger.
        self.free = self.triggers = 0
        #: The first texts.
        self.texts: list[str] = []

    def read(self, split: str, items: Iterable[Record | Reject]) -> None:
        """Read a split to its end."""
        tally = Tally(UNKNOWN, Counter())
        for _ in tally.read(self.noted(items)):
            pass
        self.counts[split] = {k: tally.counts[k] for k in ("records", *KINDS) if tally.counts[k]}
        self.rejects[split] = tally.rejects

    def noted(self, items: Iterable[Record | Reject]) -> Iterator[Record | Reject]:
        """Yield the items unchanged, and note what the sound records among them hold."""
        for item in items:
            if isinstance(item, Record) and violation(item) is None:
                self.add(item)
            yield item

    def add(self, record: Record) -> None:
        """Note what a sound record holds."""
        self.records += 1
        if len(self.texts) < _TEXTS:
            self.texts.append(record.text)
        self.distinct.add(xxhash.xxh3_64_intdigest(record.text.encode()))
        self.single += len(record.relations) + len(record.events) <= 1
        for r in record.relations:
            ends = (record.mentions[r.head].label, r.label, record.mentions[r.tail].label)
            self.signatures[ends] += 1
        for e in record.events:
            self.triggers += e.trigger is not None
            self.roles.setdefault(e.label, Counter()).update(a.role for a in e.arguments)
        used = used_by(record.relations, [e._replace(trigger=None) for e in record.events])
        for i, m in enumerate(record.mentions):
            placed = m.start is not None or m.discontinuous or i not in used
            self.free += placed and m.label is not None
        for kind, counts in labels_in([record]).items():
            self.labels[kind].update(counts)

    def tasks(self, no_relation: Collection[str] = ()) -> list[str]:
        """Return the tasks that the annotations allow, relations of these labels left out."""
        asked = [signature for signature in self.signatures if signature[1] not in no_relation]
        typed = asked and all(head and tail for head, _, tail in asked)
        tasks = ["NER"] if self.free else []
        tasks += ["RE"] if asked else []
        tasks += ["SPO", "KG"] if typed and not self.free else []
        has_roles = any(self.roles.values())
        tasks += ["EE"] if has_roles else []
        tasks += ["EET"] if self.triggers else []
        return [*tasks, *(["EEA"] if has_roles else [])]
