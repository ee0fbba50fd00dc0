"""PubTator: title and abstract of an article, then its mentions with offsets and concept ids.

    90210001|t|Ferrazine-induced tremor.
    90210001|a|Two patients took ferrazine and had tremor or chorea of the arms.
    90210001<TAB>0<TAB>9<TAB>Ferrazine<TAB>Chemical<TAB>C900001
    90210001<TAB>18<TAB>24<TAB>tremor<TAB>Disease<TAB>D014202
    90210001<TAB>62<TAB>78<TAB>tremor or chorea<TAB>Disease<TAB>D014202|D002819<TAB>tremor|chorea
    90210001<TAB>CID<TAB>C900001<TAB>D014202

Offsets count from the start of the title; exactly one character parts it from the abstract. An
empty line ends an article. The id "-1" stands for a concept without id, a seventh column spells
out the parts of a composite mention: both leave the mention as it is. Types may be several
("T116,T123"): these are several mentions; a row that stands twice is one.

A row with a word in the second column relates two *concepts*, and names no mention. It is passed
over, for it often is about several of each side, and may name a concept that only a part of a
composite mention has. With `relations` it is read as one between the first mentions of both.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pipeline.readers._paths import Files, Found, Table
from pipeline.readers._source import EXCERPT, blocks
from pipeline.records import Mention, Record, Reject, Relation

#: (origin, row) of each row of an article.
Block = list[tuple[str, str]]


class Options(Table, frozen=True):
    """Whether relations of concepts are read."""

    relations: bool = False


def read(files: Files, options: Options) -> Found:
    """Yield one record per article, after the rejects of its unreadable rows."""
    for file in files:
        for block in _blocks(file):
            yield from _document(block, options)


def unread_fields(files: Files, options: Options) -> Counter[str]:
    """The rows of relations, where they are not read."""
    rows = (row for file in files for block in _blocks(file) for row in block)
    count = sum(_relates(line.split("\t")) for _, line in rows)
    return Counter({"rows of relations": count} if count and not options.relations else {})


def _blocks(file: Path) -> Iterator[Block]:
    """The rows of each article. A title starts one even where the empty line is missing."""
    return blocks(file, lambda line: _header(line)[1] == "t")


def _header(line: str) -> tuple[str, str, str]:
    """(article, "t" or "a", text) of a title or abstract; empty strings for any other row."""
    article, bar, rest = line.partition("|")
    if bar and "\t" not in article and rest[:2] in ("t|", "a|"):
        return article, rest[0], rest[2:]
    return "", "", ""


def _document(block: Block, options: Options) -> Found:
    origin, first = block[0]
    article, kind, text = _header(first)
    if kind != "t":
        lost = sum(not _relates(line.split("\t")) for _, line in block if not _header(line)[1])
        yield Reject(origin, "missing_title", "", first[:EXCERPT], entities=lost)
        return
    rows = block[1:]
    if rows and _header(rows[0][1])[:2] == (article, "a"):
        text = f"{text} {_header(rows[0][1])[2]}"
        rows = rows[1:]
    text = text.rstrip()
    mentions: dict[Mention, int] = {}
    concepts: dict[str, Mention] = {}
    pairs = []
    for place, line in rows:
        columns = line.split("\t")
        if _relates(columns):
            pairs.append((place, line, columns))
            continue
        parsed = _mention(columns, article, text)
        if not isinstance(parsed, Mention):
            yield Reject(place, *parsed, line[:EXCERPT], records=0, entities=1)
            continue
        kinds = [parsed._replace(label=kind.strip()) for kind in (parsed.label or "").split(",")]
        for mention in kinds:
            mentions.setdefault(mention, len(mentions))
        for concept in columns[5:6]:
            known = concepts.setdefault(concept.strip(), kinds[0])
            if (parsed.start or 0) < (known.start or 0):
                concepts[concept.strip()] = kinds[0]
    relations = []
    for place, line, columns in pairs if options.relations else ():
        ends = [concepts.get(end.strip()) for end in columns[2:4]]
        if None in ends:
            yield Reject(place, "unknown_concept", "", line[:EXCERPT], records=0, relations=1)
        else:
            head, tail = (mentions[end] for end in ends if end)
            relations.append(Relation(columns[1], head, tail))
    yield Record(text, origin, [*mentions], relations or (), source_id=article)


def _relates(columns: list[str]) -> bool:
    return len(columns) > 3 and columns[1].replace("_", "").isalpha()


def _mention(columns: list[str], article: str, text: str) -> Mention | tuple[str, str]:
    """The mention of a row, or (reject reason, detail)."""
    if len(columns) < 5:
        return "missing_column", f"{len(columns)} of 5 columns"
    if columns[0] != article:
        return "other_article", f"the row is of {columns[0]}, the article is {article}"
    try:
        start, end = int(columns[1]), int(columns[2])
    except ValueError:
        return "malformed_offset", f"{columns[1]!r:.40} to {columns[2]!r:.40}"
    if not 0 <= start < end <= len(text):
        return "offset_out_of_text", f"{start}:{end} in a text of {len(text)} characters"
    # Some mention columns end in stray blanks.
    if text[start:end].strip() != columns[3].strip():
        return "offset_mismatch", f"{start}:{end} is {text[start:end]!r}, not {columns[3]!r}"
    return Mention(text[start:end], start, end, columns[4].strip())
