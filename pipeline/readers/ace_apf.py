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

from __future__ import annotations

import html
from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Final, Literal
from xml.etree import ElementTree as ET

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from pipeline.readers._apf import Part, counts, parts, span, untagged
from pipeline.readers._options import Table
from pipeline.readers._sentences import sentences
from pipeline.readers._source import EXCERPT, decode, files_in, read_bytes
from pipeline.records import Argument, Event, Mention, Record, Reject, Relation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pipeline.readers._apf import Span

_APF: Final = ".apf.xml"
_BREAKS: Final = str.maketrans("\r\n", "  ")
_EXTENTS: Final = ("extent", "ldc_scope", "head", "anchor")


class Options(Table, frozen=True):
    """Which part of an entity its mention is."""

    mention: Literal["head", "extent"] = "head"


def read(files: Sequence[Path], options: Options) -> Iterator[Record | Reject]:
    """Yield one record per sentence, then a reject for each annotation that is in none."""
    for path in files:
        for apf in files_in([path], _APF):
            name = apf.name.removesuffix(_APF)
            raw = decode(read_bytes(apf.with_name(f"{name}.sgm")))
            markup = read_bytes(apf)
            root = None
            try:
                root = fromstring(markup)
                document = _Document(name, raw, root, heads=options.mention == "head")
            except (
                ET.ParseError,
                DefusedXmlException,
                LookupError,
                ValueError,
                AttributeError,
            ) as problem:
                detail = f"{type(problem).__name__}: {problem}"[:EXCERPT]
                excerpt = decode(markup)[:EXCERPT]
                lost = Reject(name, "malformed_document", detail, excerpt, source_id=name)
                yield lost if root is None else lost._replace(**counts(root))
                continue
            yield from document.records()
            yield from document.lost


class _Document:
    """The sentences of a document, and each annotation in its sentence or among the lost."""

    def __init__(self, name: str, raw: str, root: ET.Element, *, heads: bool) -> None:
        self.name = name
        self.lost: list[Reject] = []
        self.text, regions = untagged(raw)
        self.parts = parts(root, heads=heads)
        whole = sorted(span(e)[0] for tag in _EXTENTS for e in root.iter(tag))
        self.spans = [s for region in regions for s in sentences(self.text, *region, whole)]
        self.starts = [start for start, _ in self.spans]
        self.mentions: list[list[Mention]] = [[] for _ in self.spans]
        self.relations: list[list[Relation]] = [[] for _ in self.spans]
        self.events: list[list[Event]] = [[] for _ in self.spans]
        self.places: dict[str, Span] = {}
        for number, part in self.parts.items():
            if part.label is not None and self._place(number) is None:
                self._lose(part, "mention_in_no_sentence", number, entities=1)
        for kind in root.iter("relation"):
            for relation in kind.iter("relation_mention"):
                self._relation(kind.attrib["TYPE"], relation)
        for kind in root.iter("event"):
            for event in kind.iter("event_mention"):
                self._event(f"{kind.attrib['TYPE']}:{kind.attrib['SUBTYPE']}", event)

    def records(self) -> Iterator[Record]:
        for number, (start, end) in enumerate(self.spans):
            yield Record(
                html.unescape(self.text[start:end]).translate(_BREAKS),
                f"{self.name}:{number + 1}",
                self.mentions[number],
                self.relations[number],
                self.events[number],
                self.name,
            )

    def _lose(self, part: Part, reason: str, detail: str, **number: Any) -> None:
        lost = Reject(self.name, reason, detail, part.text[:EXCERPT], 0, source_id=self.name)
        self.lost.append(lost._replace(**number))

    def _place(self, number: str) -> Span | None:
        """(sentence, mention) of a part, which becomes a mention when it is first asked for."""
        if number not in self.places and number in self.parts:
            if (place := self._add(self.parts[number])) is None:
                return None
            self.places[number] = place
        return self.places.get(number)

    def _add(self, part: Part) -> Span | None:
        (start, end), own = part.span, bisect_right(self.starts, part.span[0]) - 1
        if own < 0 or end > self.spans[own][1]:
            return None
        found = html.unescape(self.text[start:end])
        if found.split() != part.text.split():
            return None
        begin = len(html.unescape(self.text[self.spans[own][0] : start]))
        span = Mention(found.translate(_BREAKS), begin, begin + len(found), part.label)
        self.mentions[own].append(span)
        return own, len(self.mentions[own]) - 1

    def _relation(self, label: str, relation: ET.Element) -> None:
        ends = {
            a.attrib["ROLE"]: a.attrib["REFID"] for a in relation.iter(f"{relation.tag}_argument")
        }
        head, tail = self._place(ends["Arg-1"]), self._place(ends["Arg-2"])
        if head is None or tail is None or head[0] != tail[0]:
            part = Part(*span(relation.find("extent")), None)
            self._lose(part, "argument_in_other_sentence", relation.attrib["ID"], relations=1)
        else:
            self.relations[head[0]].append(Relation(label, head[1], tail[1]))

    def _event(self, label: str, event: ET.Element) -> None:
        anchor = Part(*span(event.find("anchor")), None)
        given = list(event.iter("event_mention_argument"))
        if (trigger := self._add(anchor)) is None:
            number = event.attrib["ID"]
            self._lose(anchor, "trigger_in_no_sentence", number, events=1, arguments=len(given))
            return
        arguments = []
        for argument in given:
            role, number = argument.attrib["ROLE"], argument.attrib["REFID"]
            place = self._place(number)
            if place is None or place[0] != trigger[0]:
                self._lose(anchor, "argument_in_other_sentence", f"{role} {number}", arguments=1)
            else:
                arguments.append(Argument(role, place[1]))
        self.events[trigger[0]].append(Event(label, trigger[1], tuple(arguments)))
