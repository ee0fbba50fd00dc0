"""How well a reader's options fit its files, judged by the first records.

A reading is good if rows become records, mentions occur in their text and end where words end, and
labels are few and known.
"""

import csv
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from pipeline import catalog, readers
from pipeline.adding import evidence
from pipeline.adding.evidence import MANY
from pipeline.adding.language import AFFIXED
from pipeline.catalog import Dataset
from pipeline.catalog.declaration import Kind
from pipeline.errors import PipelineError
from pipeline.records import Record, Reject, locate, violation
from pipeline.text import drawn, like, some, word_splitter

ROWS: Final = 200
#: In every sound dataset so far, at least this share of mentions ends where words do.
_TORN: Final = 0.7
_TAGLIKE: Final = re.compile(r"[BIESMLU][-_]")
#: Reasons of rejects that lose nothing: nobody has annotated these rows, or they are not gold.
NO_LOSS: Final = frozenset({"unlabeled", "not_gold"})
#: Readers whose records are sentences.
_OF_SENTENCES: Final = frozenset({"columns", "layered_columns", "tagged_json"})
#: Characters in which no mention ends: blanks, punctuation marks, particles of Japanese.
_NOT_LAST: Final = " \t\n\u3000,;:!?，。；：！？、はがをにで"
#: How Korean particles begin, which follow a name without a blank.
_PARTICLES: Final = "은는이가을를에의와과로으도만까부라께한하나"
#: Runs of one Japanese script.
_SCRIPTS: Final = re.compile(
    r"[\u3041-\u309f]+|[\u30a0-\u30ff]+|[\u3005\u3400-\u9fff]+|.", re.DOTALL
)
_FAILURES: Final = (PipelineError, TypeError, ValueError, LookupError, AttributeError, csv.Error)


#: What may be wrong with offsets, in words -> a function that corrects them.
_MOVES: Final[dict[str, Callable[[str, int, int], tuple[int, int]]]] = {
    "look counted from 1": lambda _, start, end: (start - 1, end - 1),
    "look counted from 1, and the ends inclusive": lambda _, start, end: (start - 1, end),
    "look like starts and lengths": lambda _, start, end: (start, start + end),
    "look like counts of bytes": lambda text, *offsets: tuple(_of_bytes(text, n) for n in offsets),
}
_UNKNOWN: Final = "are the offsets 1-based, or counts of bytes or of UTF-16?"


class Trial(NamedTuple):
    """A reading of the first records, and how it fits them; shares are from 0 to 1."""

    dataset: Dataset
    records: list[Record]
    #: Rows that became sound records, mentions with a place, mentions that end where words do.
    read: float = 0
    placed: float = 0
    edges: float = 0
    #: Annotations whose label is known (or, if none is known yet, not a tag); less for many labels.
    labels: float = 0
    problem: str = ""
    #: Why the records cannot be what the files mean; None if nothing speaks against them.
    doubt: str | None = None
    #: Where the reading comes from, in words.
    why: str = ""

    @property
    def rank(self) -> int:
        """Of two readings that say the same, the one of the lower rank is preferred."""
        if len(self.dataset.reader) == 1:
            return 0
        return 1 if self.why.startswith("its") else 2

    @property
    def score(self) -> float:
        """How plausible the reading is, from 0 to 1."""
        product = self.read * self.placed * self.edges * self.labels
        return product / 4 if self.doubt else product

    @property
    def quality(self) -> float:
        """How sound the records are, from 0 to 1, whatever their number."""
        return 0 if self.doubt or not self.amount else self.read * self.placed * self.edges

    @property
    def amount(self) -> int:
        """How much of the annotation is read."""
        return evidence.weight(self.records)

    @property
    def torn(self) -> str | None:
        """Warn if many mentions do not begin and end where words do; None if most do.

        Strings without offsets, and a file that could not be read to its end, say nothing of it.
        """
        given = sum(m.start is not None for r in self.records for m in r.mentions)
        if self.edges >= _TORN or given < MANY or not self.read:
            return None
        whole = {
            words: _places([_moved(r, move) for r in self.records], self.dataset.language)[1]
            for words, move in _MOVES.items()
        }
        likely = max(whole, key=lambda words: whole[words])
        guess = f"the offsets {likely}" if whole[likely] > max(_TORN, self.edges) else _UNKNOWN
        return f"only {self.edges:.0%} of the mentions begin and end where words do: {guess}"

    @property
    def misplaced(self) -> bool:
        """Whether the offsets are the problem."""
        return bool(self.torn) or self.problem.startswith("offset_")


def fit(dataset: Dataset, files: Sequence[Path]) -> Trial:
    """Read the first rows of the files and judge them."""
    records: list[Record] = []
    #: Reason -> the problems with it, in words.
    problems: dict[str, list[str]] = {}
    lost = 0
    try:
        for item in islice(catalog.reader(dataset)(files), ROWS):
            problem: tuple[str, str] | None
            if isinstance(item, Reject):
                problem = item.reason, item.detail or repr(item.excerpt)
            else:
                problem = violation(item)
            if problem is None:
                records.append(item)
            elif problem[0] not in NO_LOSS:
                problems.setdefault(problem[0], []).append(": ".join(filter(None, problem)))
                lost += item.records if isinstance(item, Reject) else 1
    except _FAILURES as failure:
        words = getattr(failure, "what", "the rows have another shape")
        return Trial(dataset, records, problem=words)
    most = max(problems.values(), key=len, default=[""])[0]
    if not records:
        return Trial(dataset, records, problem=most or "the files hold no record")
    name = dataset.reader["name"]
    lines = readers.module_of(name) != "json_rows" or "separator" in dataset.reader
    doubt = evidence.doubt(records, sentences=name in _OF_SENTENCES, lines=lines)
    share, labels = len(records) / (len(records) + lost), _labels(records, dataset)
    trial = Trial(dataset, records, share, *_places(records, dataset.language), labels)
    return trial._replace(problem=most, doubt=doubt)


def _places(records: Sequence[Record], language: str) -> tuple[float, float]:
    """Return the share of mentions with a place in their text, and of these at ends of words."""
    total, placed, whole = 0, 0, 0.0
    # In Japanese and its like, script alone tells words apart: that decides between two readings.
    unknown = 0.8 if like(language) == "zh" != language else 0
    for record in records:
        cuts: set[int] | None = None
        for mention in record.mentions:
            if mention.discontinuous:
                continue
            total += 1
            start, end = mention.start, mention.end
            if start is None or end is None:
                # A mention without offsets still counts if its string is in the text.
                placed += mention.text in record.text
                start, end = locate(record.text, mention.text)
                whole += mention.text in record.text if start is None else 0
            else:
                placed += 1
            if start is not None and end is not None:
                cuts = _cuts(record.text, language) if cuts is None else cuts
                outside = len({start, end} - cuts)
                affix = outside == 1 and language in AFFIXED
                if language == "ko" and end not in cuts:
                    affix &= record.text[end] in _PARTICLES
                sound = (not outside or affix) and not _punctuated(record.text, start, end)
                whole += 0 if _in_character(record.text, start, end) else max(sound, unknown)
    return placed / total if total else 1, whole / placed if placed else 1


def _in_character(text: str, start: int, end: int) -> bool:
    """Whether a span begins or ends between a letter and its marks, such as accents or vowels."""
    return any(unicodedata.category(c)[0] == "M" for c in (text[start], *text[end : end + 1]))


def _punctuated(text: str, start: int, end: int) -> bool:
    """Whether a span begins with a blank, or includes a punctuation mark of the sentence."""
    last = text[end - 1]
    return text[start].isspace() or last in _NOT_LAST or (last == "." and not text[end:].strip())


@lru_cache(4096)
def _cuts(text: str, language: str) -> set[int]:
    """Return where words start and end: around all but letters and digits, and Chinese words.

    Cached, since all trials of a file read the same texts and splitting Chinese is slow.
    """
    cuts = {0, len(text)}
    for i, character in enumerate(text):
        if not character.isalnum():
            cuts |= {i, i + 1}
    if like(language) == "zh":
        position = 0
        for word in (word_splitter("zh") if language == "zh" else _SCRIPTS.findall)(text):
            position += len(word)
            cuts.add(position)
    return cuts


def _moved(record: Record, move: Callable[[str, int, int], tuple[int, int]]) -> Record:
    """Return the record with offsets changed by `move`, less the mentions that then do not fit."""
    given = [(m, m.start, m.end) for m in record.mentions]
    moved = [(m, move(record.text, a, b)) for m, a, b in given if a is not None and b is not None]
    kept = [m._replace(start=a, end=b) for m, (a, b) in moved if 0 <= a < b <= len(record.text)]
    return record._replace(mentions=kept)


def _of_bytes(text: str, place: int) -> int:
    return len(text.encode("utf-8", "surrogatepass")[:place].decode("utf-8", "ignore"))


def control_characters(labels: Iterable[str]) -> str | None:
    """Warn of labels with invisible characters, which instructions would repeat; None if none."""
    odd = sorted({label for label in labels if drawn(label) != label})
    if not odd:
        return None
    listed = some([f"{label!a:.60}" for label in odd], MANY)
    return f"labels with control characters: {listed}: correct the files, or name them without"


def _labels(records: Sequence[Record], dataset: Dataset) -> float:
    """Return the share of annotations with a known or plausible label; less if labels are many."""
    counts = evidence.labels_in(records)
    # Roles, and the types of heads and tails, are not counted: they follow from their owners.
    linked = counts["relation"] + counts["event"]
    kinds: tuple[Kind, ...] = ("relation", "event") if linked else ("entity",)
    asked = linked or counts["entity"]
    total = asked.total()
    if not total:
        return 0.1
    known = {*dataset.labels.no_relation} if linked else set()
    for kind in kinds:
        known |= {*dataset.names(kind), *dataset.labels.dropped.get(kind, ())}
    plausible = (raw in known if known else not _TAGLIKE.match(raw) for raw in asked)
    share = sum(n for n, sound in zip(asked.values(), plausible, strict=True) if sound) / total
    return share * (1 - len(asked) / total / 2)
