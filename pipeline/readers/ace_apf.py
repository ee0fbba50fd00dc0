"""ACE 2005: a text with tags (<document>.sgm) and beside it its annotations (<document>.apf.xml).

    <DOC><DOCID> SMP_ENG_20990101.0001 </DOCID> ... <BODY><HEADLINE>Varnia mourns</HEADLINE><TEXT>
    A mine killed two soldiers
    near Varnia. A crowd gathered.
    </TEXT></BODY></DOC>

    <source_file ...><document DOCID="SMP_ENG_20990101.0001">
    <entity ID="...-E1" TYPE="PER" ...><entity_mention ID="...-E1-1" TYPE="NOM" ...>
      <extent><charseq START="52" END="63">two soldiers</charseq></extent>
      <head><charseq START="56" END="63">soldiers</charseq></head></entity_mention></entity>
    <event ID="...-EV1" TYPE="Life" SUBTYPE="Die" ...><event_mention ID="...-EV1-1">
      <extent>...</extent><ldc_scope>...</ldc_scope>
      <anchor><charseq START="45" END="50">killed</charseq></anchor>
      <event_mention_argument REFID="...-E1-1" ROLE="Victim"/></event_mention></event> ...

START and END count the characters of the .sgm file without its tags, END being the last one; a
written entity (&amp;) is as many characters as it is written with. A path may be an .apf.xml file
or a folder of them. Only <TEXT> is annotated and read. Every tag ends a sentence; line breaks
become blanks. A sentence is never broken inside an annotated extent, so that relations and events
stay in one. Event labels are "Life:Die". `mention` chooses heads or whole extents of entities;
values and times, which have no head, are mentions without a label where an event refers to them.
"""

import html
import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple
from xml.etree import ElementTree as ET

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from pipeline.readers._paths import Files, Item, Rows, Table
from pipeline.readers._sentences import sentences
from pipeline.readers._source import EXCERPT, decode, files_in, read_bytes
from pipeline.readers.json_rows import shaped
from pipeline.records import Reject

_APF: Final = ".apf.xml"
_BREAKS: Final = str.maketrans("\r\n", "  ")
_EXTENTS: Final = ("extent", "ldc_scope", "head", "anchor")
_TAG: Final = re.compile(r"<[^<>]+>")
#: What is counted where a document cannot be read.
_COUNTED: Final = ("entity_mention", "relation_mention", "event_mention", "event_mention_argument")

Span = tuple[int, int]


class _Part(NamedTuple):
    """What an argument can refer to: an entity mention, a value or a time."""

    span: Span
    text: str
    label: str | None


class Options(Table, frozen=True):
    """Which part of an entity its mention is."""

    mention: Literal["head", "extent"] = "head"


def _documents(files: Files, _: object) -> Rows:
    for apf in files_in(files, _APF):
        name = apf.name.removesuffix(_APF)
        raw, markup = decode(read_bytes(apf.with_name(f"{name}.sgm"))), read_bytes(apf)
        try:
            root = fromstring(markup)
        except (ET.ParseError, DefusedXmlException, LookupError, ValueError) as problem:
            detail = f"no sound XML: {problem}"[:EXCERPT]
            excerpt = decode(markup)[:EXCERPT]
            yield name, Item(Reject(name, "malformed_document", detail, excerpt, source_id=name))
        else:
            counted = {tag: [*root.iter(tag)] for tag in _COUNTED}
            yield name, Item({"raw": raw, "root": root, **counted}, ((name, None),))


def _sentences(name: str, document: Any, options: Options) -> Rows:
    """The sentences of a document, then what is lost as it is in none of them."""
    root = document["root"]
    text, spans = _cut(document["raw"], root)
    starts = [start for start, _ in spans]
    rows = [_empty(text[start:end]) for start, end in spans]
    lost: list[tuple[str, Reject]] = []

    def place(part: _Part) -> tuple[int, dict[str, Any]] | None:
        """(sentence, span in it) of a part; None where it is in no sentence."""
        (start, end), sentence = part.span, bisect_right(starts, part.span[0]) - 1
        string = html.unescape(text[start:end])
        if sentence < 0 or end > spans[sentence][1] or string.split() != part.text.split():
            return None
        begin = len(html.unescape(text[spans[sentence][0] : start]))
        return sentence, {"start": begin, "end": begin + len(string)}

    def lose(part: _Part, reason: str, detail: str, **counts: Any) -> None:
        reject = Reject(name, reason, detail, part.text[:EXCERPT], 0, source_id=name)
        lost.append((name, reject._replace(**counts)))

    parts = _parts(root, heads=options.mention == "head")
    places = {number: place(part) for number, part in parts.items()}
    for number, part in parts.items():
        if part.label is not None and (at := places[number]):
            entity = {"id": number, "label": part.label, **at[1]}
            rows[at[0]]["entities"].append(entity)
            places[number] = at[0], {"ref": number}
        elif part.label is not None:
            lose(part, "mention_in_no_sentence", number, entities=1)
    for kind, relation in _inner(root, "relation"):
        given = {
            a.attrib["ROLE"]: a.attrib["REFID"] for a in relation.iter(f"{relation.tag}_argument")
        }
        head, tail = (places.get(given[role]) for role in ("Arg-1", "Arg-2"))
        if head and tail and head[0] == tail[0]:
            pair = {"label": kind.attrib["TYPE"], "head": head[1], "tail": tail[1]}
            rows[head[0]]["relations"].append(pair)
        else:
            extent = _Part(*_span(relation.find("extent")), None)
            lose(extent, "argument_in_other_sentence", relation.attrib["ID"], relations=1)
    for kind, event in _inner(root, "event"):
        anchor = _Part(*_span(event.find("anchor")), None)
        roles = [(a.attrib["ROLE"], a.attrib["REFID"]) for a in event.iter(f"{event.tag}_argument")]
        label, number = f"{kind.attrib['TYPE']}:{kind.attrib['SUBTYPE']}", event.attrib["ID"]
        if (trigger := place(anchor)) is None:
            lose(anchor, "trigger_in_no_sentence", number, events=1, arguments=len(roles))
            continue
        arguments = []
        for role, number in roles:
            at = places.get(number)
            if at and at[0] == trigger[0]:
                arguments.append({"role": role, **at[1]})
            else:
                lose(anchor, "argument_in_other_sentence", f"{role} {number}", arguments=1)
        event_row = {"label": label, "trigger": trigger[1], "arguments": arguments}
        rows[trigger[0]]["events"].append(event_row)
    yield from ((f"{name}:{number}", row) for number, row in enumerate(rows, start=1))
    yield from lost


def _cut(raw: str, root: ET.Element) -> tuple[str, list[Span]]:
    """The text of a document, and the spans of its sentences."""
    text, regions = _untagged(raw)
    whole = sorted(_span(e)[0] for tag in _EXTENTS for e in root.iter(tag))
    return text, [span for region in regions for span in sentences(text, *region, whole)]


def _empty(sentence: str) -> dict[str, Any]:
    string = html.unescape(sentence).translate(_BREAKS)
    return {"text": string, "entities": [], "relations": [], "events": []}


def _inner(root: ET.Element, tag: str) -> Iterator[tuple[ET.Element, ET.Element]]:
    """(relation or event, mention of it) of all mentions."""
    return ((kind, mention) for kind in root.iter(tag) for mention in kind.iter(f"{tag}_mention"))


def _untagged(raw: str) -> tuple[str, list[Span]]:
    """The text without tags, and the spans of it that stand in <TEXT>, parted by every tag."""
    pieces: list[str] = []
    regions: list[Span] = []
    after, position, inside = 0, 0, False
    for tag in _TAG.finditer(raw):
        piece = raw[after : tag.start()]
        if inside:
            regions.append((position, position + len(piece)))
        pieces.append(piece)
        position, after = position + len(piece), tag.end()
        if tag[0] in ("<TEXT>", "</TEXT>"):
            inside = tag[0] == "<TEXT>"
    return "".join(pieces) + raw[after:], regions


def _parts(root: ET.Element, *, heads: bool) -> dict[str, _Part]:
    """Everything that has an id and a place, entities with their type as label."""
    parts = {}
    for entity in root.iter("entity"):
        for mention in entity.iter("entity_mention"):
            head = mention.find("head") if heads else None
            chosen = mention.find("extent") if head is None else head
            parts[mention.attrib["ID"]] = _Part(*_span(chosen), entity.attrib["TYPE"])
    for tag in ("value_mention", "timex2_mention"):
        for mention in root.iter(tag):
            parts[mention.attrib["ID"]] = _Part(*_span(mention.find("extent")), None)
    return parts


def _span(element: ET.Element | None) -> tuple[Span, str]:
    """The half-open span of an extent, a head or an anchor, and its string."""
    charseq = None if element is None else element.find("charseq")
    if charseq is None:
        raise ValueError("an annotation without <charseq>")
    start, end = int(charseq.attrib["START"]), int(charseq.attrib["END"]) + 1
    if not 0 <= start < end:
        raise ValueError(f"no span: {start} to {end - 1}")
    return (start, end), charseq.text or ""


read, _ = shaped("ace_apf", _sentences, _documents)
