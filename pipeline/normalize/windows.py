"""Long texts in windows: cut between sentences, never inside a mention.

Among the sentence ends in the second half of what fits, the cut is made where the fewest relations
and events cross it, and as late as possible. A sentence longer than the limit stays whole. What an
annotation needs must stand in its window:

- a relation goes to every window that holds both its ends; one that crosses a cut is left out;
- an event goes to the window of its trigger, or, if it has none, of most of its arguments;
  arguments in other windows are left out;
- a mention without offsets goes wherever its string occurs; one that occurs nowhere, and the value
  of an enum role, goes along with what uses it;
- a discontinuous mention goes to a window that holds all its pieces; where a cut parts them, it is
  left out, and so are relations, arguments and events of it.

What is left out is counted. It is no missing answer: no window asks for what it does not hold.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

from pipeline.records import Event, Mention, Record, Relation, locate, only, used_by
from pipeline.text import in_pieces, like

#: Where a sentence ends: the white space after it, if any, belongs to neither window.
_ENDS: Final = {
    "en": re.compile(r"(?<=[.!?])(?:[\"'”’)\]]*)(\s+)(?=[\"'“‘(\[]*[A-Z0-9])|(?<!\s)(\s*\n\s*)"),
    "zh": re.compile(r"[。！？；…!?;]+[”’」』）】\"')]*(\s*)|(?<!\s)(\s*\n\s*)"),
}
#: A full stop after one of these mostly ends no sentence.
_ABBREVIATED: Final = re.compile(
    r"(?:^|[\s(\[])(?:[A-Za-z]|Mr|Mrs|Ms|Dr|Prof|Sen|Rep|Gov|Gen|Col|Lt|Capt|Sgt|St|Mt|vs|cf|ca"
    r"|e\.g|i\.e|al|Fig|Figs|Eq|No|Nos|Vol|pp|approx|Inc|Co|Corp|Ltd|Jan|Feb|Mar|Apr|Jun|Jul|Aug"
    r"|Sep|Sept|Oct|Nov|Dec)\.$"
)


def windows(
    record: Record, window_chars: int, language: str, enum_roles: Collection[str] = ()
) -> tuple[list[Record], Counter[str]]:
    """The windows of a record (itself, if it is short) and how many annotations cross a cut."""
    lost: Counter[str] = Counter()
    spans = _spans(record, window_chars, language) if len(record.text) > window_chars else []
    if len(spans) < 2:
        return [record], lost
    arguments = [a for e in record.events for a in e.arguments if a.role in enum_roles]
    values = {a.mention for a in arguments if record.mentions[a.mention].start is None}
    homes = [_homes(m, record.text, spans) for m in record.mentions]
    homes = [frozenset() if i in values else home for i, home in enumerate(homes)]
    relations: list[list[Relation]] = [[] for _ in spans]
    events: list[list[Event]] = [[] for _ in spans]
    everywhere = frozenset(range(len(spans)))
    torn = {i for i, m in enumerate(record.mentions) if m.discontinuous and not homes[i]}
    lost["mentions"] += len(torn)
    may = [h if h or i in torn else everywhere for i, h in enumerate(homes)]
    for r in record.relations:
        shared = may[r.head] & may[r.tail]
        if not (homes[r.head] or homes[r.tail]):
            shared &= {0}
        lost["relations"] += not shared
        for w in shared:
            near = tuple(q for q in r.qualifiers if w in may[q.mention])
            lost["qualifiers"] += len(r.qualifiers) - len(near)
            relations[w].append(r._replace(qualifiers=near))
    for e in record.events:
        if e.trigger in torn:
            lost["events"] += 1
            lost["arguments"] += len(e.arguments)
            continue
        w = _home(e, homes)
        held = tuple(a for a in e.arguments if w in may[a.mention])
        lost["arguments"] += len(e.arguments) - len(held)
        lost["events"] += len(held) < len(e.arguments)
        events[w].append(e._replace(arguments=held))
    return [
        _window(record, span, w, homes, relations[w], events[w], values)
        for w, span in enumerate(spans)
    ], lost


def _spans(record: Record, window_chars: int, language: str) -> list[tuple[int, int]]:
    """(start, end) of every window."""
    gaps = _gaps(record, language)
    crossed = _crossings(record, gaps)
    spans: list[tuple[int, int]] = []
    begin, text = 0, record.text
    ends = [end for end, _ in gaps]
    while len(text) - begin > window_chars:
        first, last = (bisect_right(ends, at) for at in (begin, begin + window_chars))
        fits, later = gaps[first:last], gaps[last : last + 1]
        late = [g for g in fits if g[0] > begin + window_chars // 2]
        if late:
            cut = min(late, key=lambda g: (crossed[g], -g[0]))
        elif fits or later:
            cut = (fits or later)[-1]
        else:
            break
        spans.append((begin, cut[0]))
        begin = cut[1]
    return [*spans, (begin, len(text))]


def _gaps(record: Record, language: str) -> list[tuple[int, int]]:
    """(end of a sentence, start of the next), where no mention crosses the gap."""
    text = record.text
    ends = sorted((m.start, m.end) for m in record.mentions if m.start is not None and m.end)
    gaps = []
    held, at = 0, 0  # the furthest end of the mentions that begin before the next sentence
    for match in _ENDS[like(language)].finditer(text):
        end, begin = match.span(1 if match[1] is not None else 2)
        while at < len(ends) and ends[at][0] < begin:
            held = max(held, ends[at][1])
            at += 1
        abbreviated = language == "en" and match[1] is not None
        if not 0 < end <= begin < len(text) or held > end:
            continue
        if not (abbreviated and _ABBREVIATED.search(text, max(0, end - 12), end)):
            gaps.append((end, begin))
    return gaps


def _crossings(record: Record, gaps: Sequence[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """How many relations and events reach across each gap."""
    places = [m.start for m in record.mentions]
    links: list[tuple[int, ...]] = [(r.head, r.tail) for r in record.relations]
    links += [
        (*(a.mention for a in e.arguments), *([] if e.trigger is None else [e.trigger]))
        for e in record.events
    ]
    reach = [[p for i in link if (p := places[i]) is not None] for link in links]
    bounds = [(min(starts), max(starts)) for starts in reach if starts]
    return {gap: sum(low < gap[0] <= high for low, high in bounds) for gap in gaps}


def _homes(mention: Mention, text: str, spans: Sequence[tuple[int, int]]) -> frozenset[int]:
    """The windows that hold a mention; none where it occurs nowhere."""
    if mention.start is not None:
        return frozenset({sum(begin <= mention.start for begin, _ in spans) - 1})
    parts = [text[begin:end] for begin, end in spans]
    whole = frozenset(w for w, part in enumerate(parts) if mention.text in part)
    scattered = (w for w, part in enumerate(parts) if in_pieces(mention.text, part))
    return whole or frozenset([*scattered][:1])


def _home(event: Event, homes: Sequence[frozenset[int]]) -> int:
    """The window of an event: of its trigger, and of most of its arguments."""
    votes = Counter(w for a in event.arguments for w in homes[a.mention])
    preferred = frozenset() if event.trigger is None else homes[event.trigger]
    return min(preferred or votes or (0,), key=lambda w: (-votes[w], w))


def _window(
    record: Record,
    span: tuple[int, int],
    number: int,
    homes: Sequence[frozenset[int]],
    relations: Sequence[Relation],
    events: Sequence[Event],
    values: Collection[int],
) -> Record:
    begin, end = span
    text = record.text[begin:end]
    used = used_by(relations, events)
    linked = used_by(record.relations, record.events)
    kept = []
    for i, m in enumerate(record.mentions):
        stray = number == 0 and not homes[i] and i not in linked and not m.discontinuous
        if number in homes[i] or i in used or stray:
            kept.append(i)
    part = only(record._replace(text=text, relations=relations, events=events), kept)
    mentions = []
    for i, m in zip(kept, part.mentions, strict=True):
        place = (m.start, m.end)
        if m.start is not None and m.end is not None:
            place = (m.start - begin, m.end - begin)
        elif not (m.discontinuous or i in values):
            place = locate(text, m.text)
        mentions.append(m._replace(start=place[0], end=place[1]))
    return part._replace(mentions=mentions)
