"""Collect in one pass over the files of a dataset all that its declaration needs."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Final

import xxhash

from pipeline.catalog import Dataset, Labels
from pipeline.normalize.account import KINDS, Tally
from pipeline.records import Record, Reject, violation

#: How many texts are kept to detect the language.
_TEXTS: Final = 1000


#: A dataset of which nothing is known yet: `normalize` counts before it names labels.
UNKNOWN: Final = Dataset("", "", "unstated", "", "unstated", [], {}, Labels())


class Survey:
    """What the annotations of all splits hold."""

    def __init__(self) -> None:
        self.labels: dict[str, Counter[str]] = {
            kind: Counter() for kind in ("entity", "relation", "event", "role")
        }
        #: Event label -> how often it has each role.
        self.roles: dict[str, Counter[str]] = {}
        #: (type of the head, relation, type of the tail) -> count.
        self.signatures: Counter[tuple[str | None, str, str | None]] = Counter()
        #: Split -> records, entities, ... as `normalize` counts them, rejects included.
        self.counts: dict[str, dict[str, int]] = {}
        #: Split -> what could not be read.
        self.rejects: dict[str, list[Reject]] = {}
        #: Sound records; those with one relation or event at most; distinct texts.
        self.records = self.single = 0
        self._texts: set[int] = set()
        #: Labeled mentions that are annotations by themselves: with offsets, or in no relation
        #: or event. (The types of triples without offsets are not counted.) Events with a trigger.
        self.free = self.triggers = 0
        #: The first texts.
        self.texts: list[str] = []

    @property
    def distinct_texts(self) -> int:
        """How many distinct texts the records have."""
        return len(self._texts)

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
        self._texts.add(xxhash.xxh3_64_intdigest(record.text.encode()))
        self.single += len(record.relations) + len(record.events) <= 1
        used: set[int] = set()
        for r in record.relations:
            self.labels["relation"][r.label] += 1
            used |= {r.head, r.tail, *(q.mention for q in r.qualifiers)}
            ends = (record.mentions[r.head].label, r.label, record.mentions[r.tail].label)
            self.signatures[ends] += 1
            self.labels["role"].update(q.role for q in r.qualifiers)
        for e in record.events:
            self.labels["event"][e.label] += 1
            self.triggers += e.trigger is not None
            roles = [a.role for a in e.arguments]
            self.labels["role"].update(roles)
            self.roles.setdefault(e.label, Counter()).update(roles)
            used |= {a.mention for a in e.arguments}
        for i, m in enumerate(record.mentions):
            if m.label is not None:
                self.labels["entity"][m.label] += 1
                self.free += m.start is not None or m.discontinuous or i not in used

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
