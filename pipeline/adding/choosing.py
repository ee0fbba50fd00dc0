"""Choose the reader and its options for the files that a user brings.

Candidates are the layouts that the catalog declares, the named formats, and what the first rows
look like. Each is tried on the first rows and judged by the records that it yields. If two differ
but fit equally well, or none fits, the user is asked the one question that decides.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from pipeline import readers
from pipeline.adding import advice, evidence, fitting, language
from pipeline.adding.candidates import candidates, defaults
from pipeline.adding.fitting import Trial
from pipeline.adding.tags import UNNAMED
from pipeline.catalog import Dataset
from pipeline.errors import RawFileError
from pipeline.records import Record

#: A reading that scores less does not fit.
_SOUND: Final = 0.35
#: The declared options are called a mistake if others score at least this much more.
_MARGIN: Final = 0.1
#: Readings that score this much less than the best are ruled out.
_NEAR: Final = 0.12
#: A reading with at least this share of the most annotation says about as much.
_AS_MUCH: Final = 0.9
#: If a smaller share of the records differs, the cause is slips in the files.
_DIFFERENT: Final = 0.2


class Choice(NamedTuple):
    """The reading that was chosen, and the one that came closest to it."""

    best: Trial
    second: Trial | None


def trials(
    start: Dataset, given: Mapping[str, Any], files: Sequence[Path], spoken: str | None
) -> list[Trial]:
    """Return the trials of all candidates that yield a record, the best first.

    `given` holds the reader, if it is named, and options: only readers that have them are tried.
    `spoken` is the language, if the user gave it.
    """
    tried = []
    for known in candidates(files, given.get("encoding", "utf-8")):
        if not _named(known.reader["name"], given.get("name")):
            continue
        reader = _pruned({**known.reader, **given})
        if trial := _tried(_with(start, reader), files, spoken, known.why):
            tried.append(trial)
    return _sorted(tried)


def _named(reader: str, name: str | None) -> bool:
    """Whether a reader is the named one, or the module that the named format belongs to."""
    return name is None or reader in (name, readers.module_of(name))


def _pruned(reader: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a reader without those that its format already sets."""
    said = readers.formats().get(reader["name"], {})
    return {key: value for key, value in reader.items() if key == "name" or said.get(key) != value}


def _sorted(tried: Sequence[Trial]) -> list[Trial]:
    """Sort the trials by soundness of records, then amount of annotation, then fewest oddities."""
    most = max((trial.quality for trial in tried), default=0)
    sound = [trial for trial in tried if trial.quality > max(most - _NEAR, 0)]
    amount = max((trial.amount for trial in sound), default=0)
    leading = [trial for trial in sound if trial.amount >= _AS_MUCH * amount]
    rest = [trial for trial in tried if trial not in leading]
    return sorted(leading, key=_oddity) + sorted(rest, key=lambda t: (-t.quality, -t.amount))


def _oddity(trial: Trial) -> tuple[Any, ...]:
    """Return the sort key among readings that say about as much: the smallest is preferred."""
    options = str(trial.dataset.reader)
    key = (-round(trial.quality, 2), len(trial.records), trial.rank, -round(trial.labels, 1))
    return (*key, len(options), options)


def _tried(start: Dataset, files: Sequence[Path], spoken: str | None, why: str) -> Trial | None:
    trial = fitting.fit(start, files)
    # Keep offsets that never fit: they are reported if nothing else fits.
    if not trial.records and not trial.problem.startswith("offset_"):
        return None
    code = spoken or language.spoken(r.text for r in trial.records) or "en"
    if trial.records and code != start.language:
        trial = fitting.fit(msgspec.structs.replace(start, language=code), files)
    return trial._replace(why=why)


def chosen(
    tried: Sequence[Trial], files: Sequence[Path], named: Sequence[Path] | None = None
) -> Choice:
    """Return the best trial, if it fits well and no other fits as well.

    `named` are the files that the user named, if `files` hold only their first rows.
    Raises RawFileError with the question that decides, or with what stands in the way.
    """
    where = ", ".join(map(str, named or files))
    if not tried or tried[0].quality < _SOUND or tried[0].torn:
        nearest = max(
            tried, key=lambda t: (t.amount > 0, t.misplaced, t.score, t.amount), default=None
        )
        what, todo = advice.refusal(nearest, files), advice.way_out(files, nearest)
        raise RawFileError(what, where=where, todo=todo)
    best, *others = tried
    if best.dataset.reader.get("only_label") == UNNAMED:
        what = f"the tags bear no label, only B and I\n  {advice.first_row(files)}"
        todo = "name what is annotated, as in --option only_label=gene"
        raise RawFileError(what, where=where, todo=todo)
    unlike = [t for t in others if _difference(best, t) or _difference(t, best)]
    second_tags = next((trial for trial in others if _second_tags(best, trial)), None)
    if rival := second_tags or next((trial for trial in unlike if _close(best, trial)), None):
        what = "two readings fit equally well"
        if second_tags:
            what = "two columns hold tags of the same labels, which may be layers of annotation, "
            what += "or a model's answers beside gold"
        what += f":\n  {summary(best)}\n  {summary(rival)}\n  the first row: "
        todo = f"say which is meant: add {_deciding(best, rival)}, or {_deciding(rival, best)}"
        raise RawFileError(what + advice.first_row(files), where=where, todo=todo)
    return Choice(best, unlike[0] if unlike else None)


def _difference(one: Trial, other: Trial) -> float:
    """Return the share of the records of one trial that the other reads differently."""
    theirs = {_key(record) for record in other.records}
    ours = [_key(record) for record in one.records]
    return sum(key not in theirs for key in ours) / len(ours)


def _key(record: Record) -> tuple[Any, ...]:
    spans = [(m.text, m.start) for m in record.mentions]
    pairs = frozenset((spans[r.head], spans[r.tail]) for r in record.relations)
    events = frozenset(
        (e.trigger if e.trigger is None else spans[e.trigger], len(e.arguments))
        for e in record.events
    )
    return record.text, frozenset(spans), pairs, events


def _second_tags(best: Trial, other: Trial) -> bool:
    """Whether the other trial reads another column, with the same labels at other places."""
    readers = (best.dataset.reader, other.dataset.reader)
    if {reader["name"] for reader in readers} != {"columns"} or "layers" in readers[0]:
        return False
    if other.quality < best.quality - _NEAR or "IO" in {r.get("scheme") for r in readers}:
        return False
    ours, theirs = (evidence.labels_in(t.records)["entity"] for t in (best, other))
    spans, others = (
        {(r.origin, m.start, m.end) for r in t.records for m in r.mentions} for t in (best, other)
    )
    return len({*ours} & {*theirs}) * 2 > len({*ours} | {*theirs}) and not others <= spans


def _close(best: Trial, second: Trial) -> bool:
    """Whether the second reading fits as well as the best."""
    if second.quality < best.quality - 0.02:
        return False
    # A reading that makes many records of one row has not read as far into the file.
    whole = len(second.records) < fitting.ROWS
    if whole and second.amount < _AS_MUCH * best.amount:
        return False
    if _difference(best, second) < _DIFFERENT:
        return False
    # A named format knows more about its files than their first rows show.
    if best.rank < second.rank and best.quality >= second.quality:
        return False
    if abs(best.labels - second.labels) > 0.1:
        return False
    # Several columns of tags are layers of one file; the last one holds the names.
    names = {best.dataset.reader["name"], second.dataset.reader["name"]}
    return names != {"columns"}


def _deciding(one: Trial, other: Trial) -> str:
    """Return the option that selects the first reading and not the other."""
    ours, theirs = one.dataset.reader, other.dataset.reader
    if ours["name"] != theirs["name"]:
        return f"--reader {ours['name']}"
    full, theirs_full = ({**defaults(reader["name"]), **reader} for reader in (ours, theirs))
    keys = dict.fromkeys(["tag_column", *ours, *theirs])
    unlike = [key for key in keys if full.get(key) != theirs_full.get(key)]
    key = next((key for key in unlike if full.get(key) is not None), None)
    if key is None:  # Only the other reading has options that can be named.
        return f"--reader {ours['name']} and no option {unlike[0]}"
    return f"--option '{key}={in_toml(full[key])}'"


def better(trial: Trial, files: Sequence[Path]) -> Dataset | None:
    """Return the dataset with the fewest changes to its reader that fit clearly better, if any."""
    # The other options must read as much annotation, unless the records now are doubtful.
    dataset, amount = trial.dataset, 0 if trial.doubt else trial.amount
    declared, best, score = dataset.reader, None, trial.score + _MARGIN
    kept = {k: v for k, v in declared.items() if k in ("name", "encoding")}
    for known in candidates(files, declared.get("encoding", "utf-8")) if score < 1 else ():
        guess = {k: v for k, v in known.reader.items() if v != UNNAMED}  # no label to advise
        for base in (declared, kept) if _named(known.reader["name"], declared["name"]) else ():
            other = fitting.fit(_with(dataset, _pruned({**base, **guess, **kept})), files)
            if other.score > score and other.amount >= _AS_MUCH * amount:
                best, score = other.dataset, other.score
    if best is None:
        return None
    for key in sorted({*best.reader, *declared}):
        # An option that fits as well as declared is no mistake.
        back = {k: v for k, v in {**best.reader, key: declared.get(key)}.items() if v is not None}
        if back != best.reader and fitting.fit(_with(dataset, back), files).score >= score:
            best = _with(dataset, back)
    return best


def _with(dataset: Dataset, reader: dict[str, Any]) -> Dataset:
    return msgspec.structs.replace(dataset, reader=reader)


def changed(dataset: Dataset, other: Dataset) -> dict[str, Any]:
    """Return the options of another reading that differ, with their values."""
    ours, theirs = ({**defaults(d.reader["name"]), **d.reader} for d in (dataset, other))
    return {key: value for key, value in theirs.items() if ours.get(key) != value}


def explained(dataset: Dataset, other: Dataset) -> str:
    """Say which options to try instead of those of the dataset."""
    values = changed(dataset, other).items()
    options = ", ".join(f"no {k}" if v is None else f"{k} = {in_toml(v)}" for k, v in values)
    return f"other options of the reader fit clearly better: try {options}"


def in_toml(value: Any) -> str:
    """Return the value of an option in TOML, on one line."""
    import tomlkit

    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {in_toml(v)}" for k, v in value.items()) + " }"
    return str(tomlkit.item(value).as_string())


def summary(trial: Trial) -> str:
    """Describe a reading in one line."""
    reader = trial.dataset.reader
    options = ", ".join(f"{k} = {in_toml(v)}" for k, v in reader.items() if k != "name")
    return f"{reader['name']} ({options or 'no options'}), by {trial.why}"
