"""The two files of an ACE document: its text with tags, and the elements of its APF markup."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from xml.etree import ElementTree as ET

_TAG: Final = re.compile(r"<[^<>]+>")

Span = tuple[int, int]


class Part(NamedTuple):
    """What an argument can refer to: an entity mention, a value or a time."""

    span: Span
    text: str
    label: str | None


def untagged(raw: str) -> tuple[str, list[Span]]:
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


def parts(root: ET.Element, *, heads: bool) -> dict[str, Part]:
    """Everything that has an id and a place, entities with their type as label."""
    found = {}
    for entity in root.iter("entity"):
        for mention in entity.iter("entity_mention"):
            head = mention.find("head") if heads else None
            chosen = mention.find("extent") if head is None else head
            found[mention.attrib["ID"]] = Part(*span(chosen), entity.attrib["TYPE"])
    for tag in ("value_mention", "timex2_mention"):
        for mention in root.iter(tag):
            found[mention.attrib["ID"]] = Part(*span(mention.find("extent")), None)
    return found


def span(element: ET.Element | None) -> tuple[Span, str]:
    """The half-open span of an extent, a head or an anchor, and its string."""
    found = None if element is None else element.find("charseq")
    if found is None:
        raise ValueError("an annotation without <charseq>")
    start, end = int(found.attrib["START"]), int(found.attrib["END"]) + 1
    if not 0 <= start < end:
        raise ValueError(f"no span: {start} to {end - 1}")
    return (start, end), found.text or ""


def counts(root: ET.Element) -> dict[str, Any]:
    tags = {
        "entities": "entity_mention",
        "relations": "relation_mention",
        "events": "event_mention",
        "arguments": "event_mention_argument",
    }
    return {kind: sum(1 for _ in root.iter(tag)) for kind, tag in tags.items()}
