"""What is wrong with the raw files of a dataset, or with what its declaration says of them.

`normalize` stops at the first problem. This module reports them all: files and hashes, pieces that
cannot be read, broken offsets, counts, labels that are unknown or never seen, and likely mistakes
in the reader's options.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from pipeline import catalog
from pipeline.adding import choosing, evidence, fitting, language
from pipeline.adding.evidence import Survey
from pipeline.catalog import Dataset, Manifest, Split, raw_files, reader_options
from pipeline.errors import PipelineError, counted, plain
from pipeline.normalize.account import KINDS, Tally
from pipeline.records import Reject
from pipeline.text import some

_SHOWN: Final = 12


class Finding(NamedTuple):
    """One problem: `dataset[/split[/file:line]]`, and what is wrong there."""

    where: str
    what: str

    def __str__(self) -> str:
        return plain(f"{self.where}: {' '.join(self.what.split())}")


class Checked(NamedTuple):
    """The result of checking an edition of a dataset."""

    findings: list[Finding]
    #: Records, entities, relations, events and arguments that were read.
    counts: Counter[str]
    #: Whether the edition is the whole dataset as declared, so that every label should occur.
    whole: bool
    #: What the reader passes over, in the words of the files; None where it cannot tell.
    unread: Counter[str] | None


def check(dataset: Dataset, folder: Path, manifest: Manifest, max_reject_rate: float) -> Checked:
    """Check every file and record of an edition."""
    findings: list[Finding] = []
    unknown: Counter[tuple[str, str]] = Counter()
    survey = Survey()
    unread: Counter[str] | None = None
    files_read: list[Path] = []
    counts: Counter[str] = Counter()
    whole = {*dataset.splits} <= {*manifest.splits}
    if problem := raw_files.undeclared(dataset, folder, manifest):
        findings.append(Finding(dataset.id, problem.what))
    for number, (name, split) in enumerate(manifest.splits.items()):
        where = f"{dataset.id}/{name}"
        faults = raw_files.faults(folder, split)
        for fault in faults:
            inner = fault.where.relative_to(folder).as_posix()  # type: ignore[attr-defined]
            findings.append(Finding(f"{where}/{inner}", fault.what))
        if any(raw_files.shut(folder / file.path, folder) for file in split.files):
            whole = False
            continue
        tally = Tally(dataset, unknown)
        files = [folder / file.path for file in split.files]
        files_read += files
        try:
            items = raw_files.documents_of(catalog.reader(dataset)(files), split, first=not number)
            for _ in tally.read(survey.noted(items)):
                pass
        except PipelineError as problem:
            place = f" ({problem.where})" if problem.where else ""
            findings.append(Finding(where, f"cannot be read: {problem.what}{place}"))
        findings += _rejected(tally, split, where)
        findings += [Finding(where, f"counts differ: {odd}") for odd in tally.miscounts(split)]
        findings += _unplaced(tally, max_reject_rate, where)
        trial = fitting.fit(dataset, files)
        passed = unread_in(dataset, files)
        unread = passed if unread is None else unread + (passed or Counter())
        if other := choosing.better(trial, files):
            explanation = choosing.explained(dataset, other)
            findings.append(Finding(where, f"likely mistake: {explanation}"))
        elif torn := trial.torn:
            findings.append(Finding(where, torn))
        counts.update({kind: tally.counts[kind] for kind in ("records", *KINDS)})
        declared = dataset.splits.get(name, split)
        full = declared is split or "records" in declared.counts
        whole &= full and tally.counts["records"] >= declared.counts.get("records", 0)
    oddities = (*absent_in(dataset, files_read), *_odd(dataset, survey, unknown))
    findings += [Finding(dataset.id, oddity) for oddity in oddities]
    if whole:
        findings += _never_seen(dataset, survey.labels)
    return Checked(findings, counts, whole, unread)


def _odd(dataset: Dataset, survey: Survey, unknown: Counter[tuple[str, str]]) -> Iterator[str]:
    """Yield what is odd about the labels and the language of all splits."""
    for (kind, label), n in sorted(unknown.items()):
        yield f"unknown {kind} {label!r:.80} ({counted(n, 'times')})"
    if spoken := language.disagreement(dataset.language, survey.texts):
        yield f"language is {dataset.language!r}, and the texts look like {spoken!r}"
    if many := evidence.crowded(survey.labels["entity"]):
        yield many
    # An odd raw label does no harm if the declaration gives it another name.
    asked = (name for kind in survey.labels for name in dataset.names(kind).values())
    if odd := fitting.control_characters([*asked, *(label for _, label in unknown)]):
        yield odd


def unread_in(dataset: Dataset, files: Sequence[Path]) -> Counter[str] | None:
    """Count what the dataset's reader skips in these files; None if it cannot tell."""
    try:
        return reader_options.unread(files=files, language=dataset.language, **dataset.reader)
    except PipelineError:
        return None  # What stops the reader is reported where the files are read.


def absent_in(dataset: Dataset, files: Sequence[Path]) -> list[str]:
    """Name the fields that the declaration names and that no row in these files has."""
    try:
        absent = reader_options.absent(files=files, language=dataset.language, **dataset.reader)
    except PipelineError:
        return []
    return [f"not found: [reader] names {path!r}, and no row has it" for path in absent]


def _rejected(tally: Tally, split: Split, where: str) -> Iterator[Finding]:
    """Yield one finding per reason, unless the edition declares this number of rejects."""
    if split.counts.get("rejects") == len(tally.rejects):
        return
    reasons: dict[str, list[Reject]] = {}
    for reject in tally.rejects:
        reasons.setdefault(reject.reason, []).append(reject)
    rows = tally.counts["records"]
    for reason, rejects in sorted(reasons.items()):
        lost = sum(r.records for r in rejects)
        of_rows = f"{lost:,} of {counted(rows, 'records')}"
        amount = of_rows if lost else counted(len(rejects), "annotations")
        first = rejects[0].detail or repr(rejects[0].excerpt)
        yield Finding(f"{where}/{rejects[0].origin}", f"{reason} in {amount}, the first: {first}")


def _unplaced(tally: Tally, most: float, where: str) -> Iterator[Finding]:
    """Yield a finding if too many mentions are missing from their text to be slips."""
    lost = tally.counts["without_offset:not_in_text"]
    if lost > most * max(tally.mentions, 1):
        yield Finding(where, f"mentions that are not in their text: {lost:,} of {tally.mentions:,}")


def _never_seen(dataset: Dataset, seen: dict[str, Counter[str]]) -> Iterator[Finding]:
    for kind, counts in seen.items():
        missing = [raw for raw in dataset.names(kind) if raw not in counts]
        if missing:
            shown = some([*map(repr, missing)], _SHOWN)
            of = f"{len(missing)} of {len(dataset.names(kind))}"
            yield Finding(dataset.id, f"{kind} labels never seen ({of}): {shown}")
