"""brat standoff, and the a1/a2 files of the BioNLP shared tasks: a text, and annotations beside it.

    letter.txt    Zofia Marek joined Velmora in 2019.
    letter.ann    T1<TAB>Person 0 11<TAB>Zofia Marek
                  T2<TAB>Company 19 26<TAB>Velmora
                  T3<TAB>Start 12 18<TAB>joined
                  R1<TAB>Works_for Arg1:T1 Arg2:T2
                  E1<TAB>Start:T3 Who:T1 Where:T2
                  T4<TAB>Organ 40 45;56 60<TAB>upper limb

A folder is read with the folders in it, one record per text; with `annotators`, the first folder is
the name of who annotated it. `annotations` are the suffixes of the
files beside a text, [".a1", ".a2"] for the shared tasks; a text that lacks one is a reject, because
it is not known to hold nothing. Offsets count code points, a byte order mark too, as in brat.

Fragments with only blanks between them (brat cuts a mention at the end of a line) are one span. A T
that an event names as its trigger is a mention without a label. An argument or relation that points
to an event points to its trigger. Attributes and modifications (A, M), ids of concepts (N), notes
(#) and equivalences (*) are passed over: no task asks for them.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from pipeline.errors import RawFileError
from pipeline.readers._annotators import chosen
from pipeline.readers._paths import Files, Found, Joined
from pipeline.readers._source import EXCERPT, decode, join_tokens, lines, read_bytes
from pipeline.records import Argument, Event, Mention, Record, Reject, Relation

_PASSED_OVER: Final = "AMN#*"
_SPAN: Final = re.compile(r"T\S*\t(\S+) (\d{1,9} \d{1,9}(?:;\d{1,9} \d{1,9})*)\t(.*)")
_PAIR: Final = r"[^\s:]+:[^\s:]+"
_LINK: Final = re.compile(rf"[RE]\S*\t(?:([^\s:]+)\s+)?({_PAIR}(?:\s+{_PAIR})*)\s*")


class _Line(NamedTuple):
    """An annotation: (start, end) of its fragments and their text, or (role, id) pairs."""

    origin: str
    raw: str
    label: str
    spans: Sequence[tuple[int, int]] = ()
    surface: str = ""
    pairs: Sequence[tuple[str, str]] = ()


class Options(Joined, frozen=True):
    """The endings of the files beside a text, and whose copies of a text are read."""

    annotations: tuple[str, ...] = (".ann",)
    #: Where each annotator has a folder: "first", "majority", or the folder of one.
    annotators: str = ""


def read(files: Files, options: Options) -> Found:
    """Yield one record per text in the order of the names, each before its unreadable lines."""
    named = _read(files, options)
    return chosen(named, options.annotators) if options.annotators else (item for _, item in named)


def _read(files: Files, options: Options) -> Iterator[tuple[str, Record | Reject]]:
    """(folder, record or reject)."""
    for file in files:
        texts = sorted(file.rglob("*.txt")) if file.is_dir() else [file]
        if not texts:
            raise RawFileError("no text (*.txt) is here", where=file, todo="check the declaration")
        for text in texts:
            name = text.relative_to(file if file.is_dir() else file.parent).with_suffix("")
            for item in _document(text, name.as_posix(), options):
                yield name.parts[0], item
        annotated = {
            p.with_suffix(".txt") for s in options.annotations for p in file.rglob(f"*{s}")
        }
        for path in sorted(annotated.difference(texts)):
            yield "", Reject(path.name, "missing_text", "there are annotations, but no text")


def unread_fields(files: Files, options: Options) -> Counter[str]:
    """Kind of annotation that is passed over -> how many lines of it there are."""
    kinds = {"A": "attributes", "M": "modifications", "N": "concepts", "#": "notes", "*": "sets"}
    pairs = [(file, suffix) for file in files for suffix in options.annotations]
    paths = [p for f, s in pairs for p in (f.rglob(f"*{s}") if f.is_dir() else [f.with_suffix(s)])]
    rows = (line for path in paths if path.is_file() for _, line in lines(path))
    return Counter(kinds[line[0]] for line in rows if line[:1] in _PASSED_OVER and line)


def _document(file: Path, name: str, options: Options) -> Found:
    text = decode(read_bytes(file)).rstrip()
    paths = [file.with_name(file.stem + suffix) for suffix in options.annotations]
    present = [path for path in paths if path.is_file()]
    if absent := [path.name for path in paths if path not in present]:
        entities = sum(line.startswith("T") for path in present for _, line in lines(path))
        detail = f"there is no {absent[0]}"
        yield Reject(file.name, "missing_annotations", detail, text[:EXCERPT], entities=entities)
        return
    spans: dict[str, _Line] = {}
    links: dict[str, _Line] = {}
    lost: list[tuple[str, Reject]] = []
    for origin, line in (row for path in present for row in lines(path)):
        if not line.strip() or line[0] in _PASSED_OVER:
            continue
        key = line.partition("\t")[0]
        parsed = "duplicate_id" if key in spans or key in links else _parse(origin, line)
        if isinstance(parsed, str):
            lost.append((key, _reject(origin, parsed, line)))
        else:
            (spans if parsed.spans else links)[key] = parsed
    trigger_of = {key: link.pairs[0][1] for key, link in links.items() if key[0] == "E"}
    triggers = {*trigger_of.values()}
    mentions: list[Mention] = []
    place: dict[str, int] = {}
    for key, span in spans.items():
        mention = _mention(text, span, options.language, None if key in triggers else span.label)
        if isinstance(mention, str):
            lost.append((key, _reject(span.origin, mention, span.raw)))
        else:
            place[key] = len(mentions)
            mentions.append(mention)
    place |= {key: place[trigger] for key, trigger in trigger_of.items() if trigger in place}
    relations, events, torn = _linked(links, place)
    yield Record(text, file.name, mentions, relations, events, name)
    # A trigger is no entity: it is lost with its event.
    yield from (r._replace(entities=0) if key in triggers else r for key, r in lost)
    yield from torn


def _linked(
    links: dict[str, _Line], place: dict[str, int]
) -> tuple[list[Relation], list[Event], list[Reject]]:
    """The relations and events whose ends are there, and what is lost of them."""
    relations, events, lost = [], [], []
    for key, link in links.items():
        known = [Argument(role, place[end]) for role, end in link.pairs if end in place]
        gone = len(link.pairs) - len(known)
        if key[0] == "E" and key in place:
            events.append(Event(link.label, place[key], tuple(known[1:])))
            if gone:
                lost.append(_reject(link.origin, "unknown_argument", link.raw, gone))
        elif key[0] == "R" and not gone:
            relations.append(Relation(link.label, known[0].mention, known[1].mention))
        else:
            reason = "unknown_trigger" if key[0] == "E" else "unknown_argument"
            lost.append(_reject(link.origin, reason, link.raw))
    return relations, events, lost


def _parse(origin: str, line: str) -> _Line | str:
    """The annotation in a line, or the reason to reject it."""
    if match := _SPAN.fullmatch(line):
        numbers = [[int(n) for n in cut.split()] for cut in match[2].split(";")]
        return _Line(origin, line, match[1], [(start, end) for start, end in numbers], match[3])
    if not (match := _LINK.fullmatch(line)):
        return "malformed_line"
    pairs = [(role, end) for role, _, end in (p.partition(":") for p in match[2].split())]
    if line[0] == "E":
        return "malformed_line" if match[1] else _Line(origin, line, pairs[0][0], pairs=pairs)
    if len(pairs) != 2 or not match[1]:
        return "malformed_line"
    pairs.sort(key=lambda pair: pair[0] == "Arg2")
    return _Line(origin, line, match[1], pairs=pairs)


def _reject(origin: str, reason: str, line: str, arguments: int = 0) -> Reject:
    """The loss of one annotation, or of some arguments of an event that stays."""
    kind = "" if arguments else line[0]
    entities, relations, events = (int(kind == letter) for letter in "TRE")
    arguments = arguments or events * max(line.count(":") - 1, 0)
    excerpt = line[:EXCERPT]
    return Reject(origin, reason, "", excerpt, 0, entities, relations, events, arguments)


def _mention(text: str, line: _Line, language: str, label: str | None) -> Mention | str:
    """The mention of a T line, or the reason to reject it."""
    spans: list[tuple[int, int]] = []
    for start, end in line.spans:
        if not 0 <= start < end <= len(text):
            return "offset_out_of_text"
        if spans and spans[-1][1] <= start and not text[spans[-1][1] : start].strip():
            spans[-1] = spans[-1][0], end
        else:
            spans.append((start, end))
    parts = [text[start:end] for start, end in spans]
    # brat writes a blank for a line end and between fragments: only the rest is compared.
    if "".join("".join(parts).split()) != "".join(line.surface.split()):
        return "offset_mismatch"
    if len(parts) == 1:
        return Mention(parts[0], *spans[0], label)
    return Mention(join_tokens(parts, language)[0], label=label, discontinuous=True)
