"""Several annotators of one text: one is chosen, or what most of them say is kept.

Texts tell what belongs together. `annotators` is "first" (who comes first for a text), "majority",
the name of one, or "all": then the name stands behind the origin, for `agreement`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, combinations
from math import fsum
from typing import Any, Final, NamedTuple

from pipeline.readers._source import EXCERPT
from pipeline.records import Mention, Record, Reject, merge, only, renumbered, used_by

#: A text, and the entities of two annotators in it.
_Pair = tuple[str, set[Mention], set[Mention]]
_BY: Final = " by "
#: A token of any language: a Chinese or Japanese character, a word, or a sign.
_TOKEN: Final = re.compile(r"[\u3040-\u9fff]|[^\W\u3040-\u9fff]+|[^\w\s]")


class Agreement(NamedTuple):
    """How far annotators agree on a label: F1 of spans, Cohen's kappa over tokens.

    Both compare two annotators over the texts that they share. F1 counts all together, kappa
    is the mean over those who use the label.
    """

    f1: float
    kappa: float
    #: The mentions of all annotators that were compared.
    mentions: int


def chosen(items: Iterable[tuple[str, Record | Reject]], choice: str) -> Iterator[Record | Reject]:
    """Yield the records of the chosen annotator; those of others become rejects, "not_gold"."""
    texts: dict[str, dict[str, Record]] = {}
    for annotator, item in items:
        if isinstance(item, Reject):
            yield item
        elif choice == "all":
            yield item._replace(origin=f"{item.origin}{_BY}{annotator}")
        elif choice == "majority":
            texts.setdefault(item.text, {}).setdefault(annotator, item)
        elif choice == annotator or (
            choice == "first" and annotator in texts.setdefault(item.text, {annotator: item})
        ):
            yield item
        else:
            yield Reject(item.origin, "not_gold", f"annotator {annotator}", records=0)
    for records in texts.values() if choice == "majority" else ():
        yield from _majority([*records.values()])


def _majority(records: list[Record]) -> Iterator[Record | Reject]:
    """Yield the record of what more than half of the annotators say, and a reject for the rest."""
    # `merge` leaves one record as it is; of the same one twice, it makes each mention distinct too.
    whole, votes = merge([*records, records[0]]), Counter[Any]()
    number = {mention: n for n, mention in enumerate(whole.mentions)}
    for record in records:
        new = {n: number[mention] for n, mention in enumerate(record.mentions)}
        votes.update({*record.mentions, *chain(*renumbered(record.relations, record.events, new))})
    labeled = [mention for mention in whole.mentions if mention.label is not None]
    every: tuple[Sequence[Any], ...] = (labeled, whole.relations, whole.events)
    most = [[part for part in parts if 2 * votes[part] > len(records)] for parts in every]
    decided = whole._replace(relations=most[1], events=most[2])
    yield only(decided, {number[m] for m in most[0]} | used_by(most[1], most[2]))
    lost = [len(parts) - len(kept) for parts, kept in zip(every, most, strict=True)]
    if any(lost):
        why = f"{sum(lost)} parts of {len(records)} annotators"
        excerpt, (entities, relations, events) = whole.text[:EXCERPT], lost
        yield Reject(whole.origin, "outvoted", why, excerpt, 0, entities, relations, events)


def agreement(records: Iterable[Record | Reject]) -> dict[str, Agreement]:
    """Label -> how far annotators agree on it, over all pairs of them and the texts they share.

    `records` are those of a reader with `annotators="all"`.
    """
    texts: dict[str, dict[str, set[Mention]]] = {}
    for record in records:
        if isinstance(record, Record):
            labeled = {mention for mention in record.mentions if mention.label is not None}
            texts.setdefault(record.text, {})[record.origin.rpartition(_BY)[2]] = labeled
    compared: dict[tuple[str, str], list[_Pair]] = {}
    for text, by in texts.items():
        for one, other in combinations(sorted(by), 2):
            compared.setdefault((one, other), []).append((text, by[one], by[other]))
    pairs = [*compared.values()]
    labels = {m.label for rows in pairs for _, *both in rows for mentions in both for m in mentions}
    return {label: _agreed(pairs, label) for label in sorted(filter(None, labels))}


def _agreed(pairs: list[list[_Pair]], label: str) -> Agreement:
    same = every = 0
    kappas = []
    for rows in pairs:
        tokens = both = one = other = 0
        for text, *sides in rows:
            left, right = ({m for m in side if m.label == label} for side in sides)
            same, every = same + len(left & right), every + len(left) + len(right)
            marked, also = _tokens(text, left), _tokens(text, right)
            tokens += sum(1 for _ in _TOKEN.finditer(text))
            both, one, other = both + len(marked & also), one + len(marked), other + len(also)
        if one or other:
            seen = (tokens - one - other + 2 * both) / tokens
            chance = (one * other + (tokens - one) * (tokens - other)) / tokens**2
            kappas.append(1.0 if chance == 1 else (seen - chance) / (1 - chance))
    return Agreement(2 * same / every, fsum(kappas) / len(kappas) if kappas else 1.0, every)


def _tokens(text: str, mentions: set[Mention]) -> set[int]:
    """Return where each token inside a mention starts."""
    spans = [(m.start, m.end) for m in mentions if m.start is not None and m.end is not None]
    return {t.start() for s, e in spans for t in _TOKEN.finditer(text, s, e)}
