"""Count every row and annotation of a split, and give its labels their readable names.

What a source holds is kept, rejected or dropped on purpose. `normalize` reads all records through a
`Tally`, which checks that the sum of these is what the declaration says.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from pipeline import catalog, records
from pipeline.catalog import Dataset, Split
from pipeline.errors import CountError, RawFileError, UnknownLabelError
from pipeline.records import Argument, Event, Mention, Record, Reject, Relation, violation

KINDS: Final = ("entities", "relations", "events", "arguments")


class Tally:
    """What became of every row and annotation of one split."""

    def __init__(self, dataset: Dataset, unknown: Counter[tuple[str, str]]) -> None:
        self.dataset = dataset
        self.unknown = unknown
        self.rejects: list[Reject] = []
        self.counts: Counter[str] = Counter()
        self.mentions = 0
        self.dropped_labels: Counter[str] = Counter()
        self._names = {k: dataset.names(k) for k in ("entity", "relation", "event", "role")}
        self._dropped = {k: {*dataset.labels.dropped.get(k, ())} for k in self._names}  # type: ignore[call-overload]
        self._dropped["relation"] |= {*dataset.labels.no_relation} - {*self._names["relation"]}
        self._roles = {e: {*roles} for e, roles in dataset.roles.items()}
        self._signatures = {*dataset.signatures_of()}

    def read(self, items: Iterable[Record | Reject]) -> Iterator[tuple[int, Record]]:
        """Yield (ordinal in the source, record with readable labels); keep account of the rest."""
        ordinal = 0
        for item in items:
            held = _held(item)
            for kind, n in held.items():  # `update` would take longer than all the rest
                self.counts[kind] += n
            if isinstance(item, Reject):
                self.rejects.append(item)
            elif broken := violation(item) or self._torn(item):
                self.rejects.append(Reject(item.origin, *broken, _excerpt(item.text), **held))
            else:
                self.counts["kept"] += 1
                yield ordinal, self._readable(item)
            ordinal += held["records"]

    def _torn(self, record: Record) -> tuple[str, str] | None:
        """Return why a record with a discontinuous mention is rejected (if so declared)."""
        torn = [m.text for m in record.mentions if m.discontinuous]
        drop = torn and self.dataset.discontinuous == "drop"
        return ("discontinuous_mention", torn[0]) if drop else None

    def _name(self, kind: str, raw: str) -> str | None:
        """The readable name of a raw label; None where it is dropped on purpose (or unknown)."""
        name = self._names[kind].get(raw)
        if name is None:
            if raw in self._dropped[kind]:
                self.dropped_labels[f"{kind}:{raw}"] += 1
            else:
                self.unknown[kind, raw] += 1
        return name

    def _readable(self, record: Record) -> Record:
        mentions, raw = self._mentions(record), record.mentions
        relations = [x for r in record.relations if (x := self._relation(r, raw, mentions))]
        events = [event for e in record.events if (event := self._event(e))]
        return record._replace(mentions=mentions, relations=relations, events=events)

    def _mentions(self, record: Record) -> list[Mention]:
        arguments = (a for e in record.events for a in e.arguments)
        values = {a.mention for a in arguments if a.role in self.dataset.enum_roles}
        out = []
        self.mentions += len(record.mentions)
        for index, m in enumerate(record.mentions):
            start, end = m.start, m.end
            if start is None and m.discontinuous:
                self.counts["without_offset:discontinuous"] += 1
            elif start is None and index in values:
                self.counts["without_offset:value"] += 1
            elif start is None:
                start, end = records.locate(record.text, m.text)
                if start is None:
                    why = "ambiguous" if m.text in record.text else "not_in_text"
                    self.counts[f"without_offset:{why}"] += 1
            label = None if m.label is None else self._name("entity", m.label)
            out.append(Mention(m.text, start, end, label, m.discontinuous))
        return out

    def _relation(
        self, relation: Relation, raw: Sequence[Mention], mentions: list[Mention]
    ) -> Relation | None:
        label = self._name("relation", relation.label)
        if label is None:
            return None
        if self._signatures:
            ends = (raw[relation.head].label, raw[relation.tail].label)
            if {*ends} & self._dropped["entity"]:
                # Without the type of an end there is no signature to ask for.
                self.dropped_labels[f"relation:{relation.label} of a dropped entity"] += 1
                return None
            typed = (mentions[relation.head].label, label, mentions[relation.tail].label)
            if typed not in self._signatures:
                self.unknown["signature", " | ".join(map(str, typed))] += 1
        qualifiers = ((self._name("role", q.role), q.mention) for q in relation.qualifiers)
        named = tuple(Argument(role, m) for role, m in qualifiers if role is not None)
        return Relation(label, relation.head, relation.tail, named)

    def _event(self, event: Event) -> Event | None:
        label = self._name("event", event.label)
        if label is None:
            self.dropped_labels["argument of a dropped event"] += len(event.arguments)
            return None
        allowed = self._roles.get(event.label)
        arguments = []
        for a in event.arguments:
            role = self._name("role", a.role)
            if role is None:
                continue
            if allowed is not None and a.role not in allowed:
                self.unknown["role of an event", f"{a.role} of {event.label}"] += 1
            arguments.append(Argument(role, a.mention))
        return Event(label, event.trigger, tuple(arguments))

    def check(self, where: str, split: Split, max_reject_rate: float) -> None:
        """Compare with the declared counts; without them, with the highest reject rate.

        Annotations lost from records that stay count too: these would be false negatives.
        """
        # Annotations with unknown labels are missing from the counts. `unknown_labels` names them.
        if (wrong := self.miscounts(split)) and not self.unknown:
            differences = "; ".join(wrong)
            what = f"the files do not hold what is declared: {differences}"
            todo = "check the files and the reader's options, or correct the counts"
            raise CountError(what, where=where, todo=todo)
        if not self.counts["records"] and "records" not in split.counts:
            todo = "check the files and the reader, or declare counts = { records = 0 }"
            raise RawFileError("the files of this split hold no record", where=where, todo=todo)
        for kind in ("records", *KINDS) if "rejects" not in split.counts else ():
            of_records = kind == "records"
            rejects = [
                r for r in self.rejects if bool(r.records) == of_records and getattr(r, kind)
            ]
            lost = sum(getattr(r, kind) for r in rejects)
            if lost > max_reject_rate * self.counts[kind]:
                fate = "unreadable" if of_records else "lost from records that stay"
                what = f"{lost} of {self.counts[kind]} {kind} are {fate}, the first because of "
                what += f"{rejects[0].reason}: {rejects[0].detail or rejects[0].excerpt!r}"
                todo = (
                    "check the files and the reader's options, or raise normalize.max_reject_rate"
                )
                raise RawFileError(what, where=f"{where}/{rejects[0].origin}", todo=todo)

    def miscounts(self, split: Split) -> list[str]:
        """List the declared counts that differ from the actual ones."""
        counts = {**{k: self.counts[k] for k in ("records", *KINDS)}, "rejects": len(self.rejects)}
        differing = ((k, n) for k, n in split.counts.items() if n != counts[k])
        return [f"{k}: declared {n}, found {counts[k]}" for k, n in differing]

    def summary(self) -> dict[str, Any]:
        """The account of this split, for the report."""
        reasons = Counter(r.reason for r in self.rejects)
        return {
            "rows": self.counts["records"],
            "rejected": sum(r.records for r in self.rejects),
            "merged_rows": self.counts["merged_rows"],
            "records": self.counts["kept"]
            - self.counts["merged_rows"]
            - self.counts["windows:texts"]
            + self.counts["windows:windows"],
            **{kind: self.counts[kind] for kind in KINDS},
            "rejects": dict(sorted(reasons.items())),
            "dropped_labels": dict(sorted(self.dropped_labels.items())),
            **{k: self._named(k) for k in ("without_offset", "repaired", "omitted", "windows")},
        }

    def _named(self, prefix: str) -> dict[str, int]:
        names = ((key.partition(":"), n) for key, n in sorted(self.counts.items()) if n)
        return {name: n for (kind, _, name), n in names if kind == prefix}


def _held(item: Record | Reject) -> dict[str, Any]:
    """Count the records and annotations of an item, or those that a reject loses."""
    if isinstance(item, Reject):
        return {kind: getattr(item, kind) for kind in ("records", *KINDS)}
    return {
        "records": 1,
        "entities": sum([m.label is not None for m in item.mentions]),
        "relations": len(item.relations),
        "events": len(item.events),
        "arguments": sum([len(e.arguments) for e in item.events]),
    }


def without_fragments(record: Record, counts: Counter[str]) -> Record:
    """Return the record without discontinuous mentions, and without what refers to them.

    An event whose trigger is such a mention goes as a whole. All that goes is counted.
    """
    joined = {i for i, m in enumerate(record.mentions) if m.discontinuous}
    if not joined:
        return record
    stay = record._replace(events=[e for e in record.events if e.trigger not in joined])
    new = records.only(stay, {*range(len(record.mentions))} - joined)
    slots = [sum(len(e.arguments) for e in whole.events) for whole in (record, new)]
    counts["omitted:mentions"] += len(joined)
    counts["omitted:relations"] += len(record.relations) - len(new.relations)
    counts["omitted:events"] += len(record.events) - len(new.events)
    counts["omitted:arguments"] += slots[0] - slots[1]
    return new


def _excerpt(text: object) -> str:
    return str(text)[:120].encode("utf-8", "replace").decode()


def writable(reject: Reject) -> Reject:
    """Return the reject without invalid UTF-8, which its excerpt or its file name may hold."""
    origin = reject.origin.encode("utf-8", "replace").decode()
    return reject._replace(
        origin=origin, detail=_excerpt(reject.detail), excerpt=_excerpt(reject.excerpt)
    )


def unknown_labels(dataset: Dataset, unknown: Counter[tuple[str, str]]) -> UnknownLabelError:
    """The error that names all labels which are neither named nor dropped."""
    each = sorted(unknown.items())
    listing = ", ".join(f"{kind} {label!r:.80} ({n}x)" for (kind, label), n in each)
    kinds = {kind for kind, _ in unknown}
    ways = {
        "signature": "add the types of head and tail to the relation under [signatures]",
        "role of an event": "add the role to the event under [roles]",
    }
    todo = [way for kind, way in ways.items() if kind in kinds]
    if kinds - {*ways}:
        todo.insert(0, "name them under [labels], or list them under [labels.dropped]")
    what = f"raw labels that are neither named nor dropped: {listing}"
    return UnknownLabelError(what, where=catalog.file_of(dataset.id), todo="; ".join(todo))
