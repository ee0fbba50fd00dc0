"""Describe a draft for `iepile new`, on one screen."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from pipeline.adding import choosing, evidence, fitting, naming
from pipeline.adding.drafting import Draft
from pipeline.adding.fitting import Trial
from pipeline.errors import counted
from pipeline.records import Record, locate
from pipeline.text import some

_SHOWN: Final = 3
_LABELS: Final = 12
#: What fields are called that may say to which split a row belongs.
_SPLIT_FIELDS: Final = ("split", "subset", "partition", "fold")


def decision(draft: Draft) -> Iterator[str]:
    """Say how the files are read, and why."""
    best, second = draft.choice
    dataset = draft.dataset
    yield f"read by {choosing.summary(best)}"
    if second is not None and second.amount and (second.doubt or second.quality >= 0.01):
        yield f"  runner-up: {choosing.summary(second)}: {_why_not(second, best)}"[:300]
    yield f"language: {dataset.language}; tasks: {', '.join(dataset.tasks)}"


def _why_not(second: Trial, best: Trial) -> str:
    """Say why a reading was not chosen."""
    if second.doubt:
        return second.doubt
    if second.quality < best.quality:
        return f"it fits {second.quality:.0%} of the first rows, not {best.quality:.0%}"
    return f"it reads {second.amount / best.amount:.0%} as much"


def shown(draft: Draft) -> Iterator[Record]:
    """Yield the first annotated records."""
    records = (r for r in draft.choice.best.records if r.mentions or r.events)
    yield from map(_placed, islice(records, _SHOWN))


def _placed(record: Record) -> Record:
    """Return the record with the offsets that `normalize` finds for mentions without any."""
    spans = [
        locate(record.text, m.text) if m.start is None and not m.discontinuous else m[1:3]
        for m in record.mentions
    ]
    pairs = zip(record.mentions, spans, strict=True)
    return record._replace(mentions=[m._replace(start=s, end=e) for m, (s, e) in pairs])


def counts(draft: Draft) -> Iterator[str]:
    """Say what the splits hold, what could not be read, and the labels with their names."""
    dataset, survey = draft.dataset, draft.survey
    for split, numbers in survey.counts.items():
        held = ", ".join(counted(n, kind) for kind, n in numbers.items())
        yield f"{split}: {held or 'no record'}"
        reasons: dict[str, list[str]] = {}
        for reject in survey.rejects[split]:
            words = reject.detail or reject.excerpt
            # A row that its field marks as not gold is grouped by that field: answer is 'reject'.
            reason = words if reject.reason == "not_gold" else f"{reject.reason}: {words}"
            key = reason if reject.reason == "not_gold" else reject.reason
            reasons.setdefault(key, []).append(f"{reject.origin}, {reason}")
        for key, places in sorted(reasons.items()):
            yield f"  not read, {key}: {len(places):,}, the first at {places[0]}"[:240]
    for kind, labels in survey.labels.items():
        if labels:
            names = dataset.names(kind)
            named = [
                f"{raw} {n:,}" if names.get(raw, "") == raw else f"{raw} {n:,} as {names[raw]!r}"
                for raw, n in labels.most_common()
                if raw in names
            ]
            yield f"{kind} labels: {some(named, _LABELS)}"
    if draft.agreement:
        agreed = (f"{k} {a.f1:.2f}, {a.kappa:.2f}" for k, a in draft.agreement.items())
        yield f"annotators agree (F1 of spans, kappa of tokens): {'; '.join(agreed)}"[:240]
        yield "  the first of a text counts: --option annotators=majority, or one by name"
    if draft.cut:
        files = some([path.name for path in draft.cut], _SHOWN)
        yield f"counted in the first rows of {files} alone; `iepile check` reads all"
    if passed := unread(draft.unread):
        yield passed
    if dataset.labels.no_relation:
        yield f"no relation: {', '.join(dataset.labels.no_relation)}"


def left_out(files: Sequence[Path]) -> str | None:
    """List the files of a folder that are in no split, in one line."""
    if not files:
        return None
    names = some([file.name for file in files], _LABELS)
    return f"left out of the folder, {counted(len(files), 'files')}: {names}"


def unread(counts: Counter[str] | None) -> str | None:
    """List what the reader skips, in one line; None if nothing."""
    if not counts:
        return None
    return f"not read: {some([f'{name} ({n:,})' for name, n in counts.most_common()], _LABELS)}"


def warnings(draft: Draft) -> Iterator[str]:
    """Yield what a human should check first."""
    best, survey, dataset = draft.choice.best, draft.survey, draft.dataset
    names = (name for kind in survey.labels for name in dataset.names(kind).values())
    said = "entity labels for" in (best.doubt or "")
    crowded = None if said else evidence.crowded(survey.labels["entity"])
    yield from filter(None, (best.doubt, best.torn, crowded, fitting.control_characters(names)))
    yield from draft.absent
    for field in _SPLIT_FIELDS:
        if field in (draft.unread or ()):
            yield f"{field!r} is not read: if it says which rows are test rows, part the file by it"
    for split, numbers in survey.counts.items():
        if not any(n for kind, n in numbers.items() if kind != "records"):
            yield f"{split} has no annotation at all: is it gold? Leave it out if it is not"
    for kind in survey.labels:
        if odd := naming.unreadable(dataset.names(kind), dataset.language):
            yield (
                f"{kind} labels without readable names: {some(odd, 5)}: write them under "
                f"[labels.{kind}], or give a table with --names"
            )
    if dataset.language not in ("en", "zh"):
        yield (
            f"there are no instruction texts in {dataset.language!r}: they will be English; "
            "words are found by blanks or characters"
        )
