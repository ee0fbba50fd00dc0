"""BioC in XML or JSON: documents of passages with annotations and relations.

    <document><id>90210001</id><passage><offset>0</offset><text>Tremor of hands.</text>
      <annotation id="1"><infon key="type">Disease</infon><location offset="0" length="6"/>
        <text>Tremor</text></annotation>
      <relation id="R1"><infon key="type">CID</infon><node refid="1" role="Drug"/>
        <node refid="2" role="Disease"/></relation></passage></document>

    {"documents": [{"id": "90210001", "passages": [{"offset": 0, "text": "Tremor of hands.",
      "annotations": [{"id": "1", "infons": {"type": "Disease"}, "text": "Tremor",
                       "locations": [{"offset": 0, "length": 6}]}],
      "relations": [{"id": "R1", "infons": {"type": "CID"},
                     "nodes": [{"refid": "1", "role": "Drug"}, {"refid": "2", "role": ""}]}]}]}]}

Offsets count from the start of the document. They should be of bytes, and nearly always are of
characters: they are read so, and what does not stand there is rejected. A relation of two nodes
goes from the first to the second; one of more is rejected. `type` is the infon that is the label.
"""

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from pipeline.errors import RawFileError
from pipeline.readers._paths import Files, Item, Joined, RowError, Rows
from pipeline.readers._source import files_in, json_document, read_bytes
from pipeline.readers._text import joined_passages
from pipeline.readers.json_rows import shaped

_TODO = "check the file, or the reader: it reads BioC in XML and JSON"
#: Elements that the JSON of BioC has in lists, called so with an s.
_LISTED = frozenset(("passage", "sentence", "annotation", "location", "relation", "node"))


class Options(Joined, frozen=True):
    """The infon that is the label."""

    type: str = "type"


def _rows(files: Files, _: object) -> Rows:
    for file in files_in(files, ""):
        for number, document in enumerate(_documents(file), start=1):
            yield f"{file.name}:{number}", Item(document)


def _documents(file: Path) -> list[Any]:
    head = read_bytes(file).lstrip(b"\xef\xbb\xbf \t\r\n")
    if head[:1] == b"<":
        try:
            root = fromstring(head)
        except (ParseError, DefusedXmlException, ValueError) as problem:
            raise RawFileError(f"no sound XML: {problem!r:.100}", where=file, todo=_TODO) from None
        return [_of_xml(document) for document in root.iter("document")]
    value = json_document(file)
    inner = value.get("documents", value.get("PubTator3")) if isinstance(value, dict) else value
    documents = [value] if inner is None else inner
    if not isinstance(documents, list):
        raise RawFileError("no list of documents", where=file, todo=_TODO)
    return documents


def _of_xml(element: Any) -> Any:
    """An element as the JSON of BioC has it."""
    fields: dict[str, Any] = {key: _number(value) for key, value in element.attrib.items()}
    for child in element:
        if child.tag == "infon":
            fields.setdefault("infons", {})[child.attrib.get("key")] = child.text or ""
        elif child.tag in _LISTED:
            fields.setdefault(f"{child.tag}s", []).append(_of_xml(child))
        else:
            fields[child.tag] = _number(child.text or "") if child.tag == "offset" else child.text
    return fields


def _number(value: str) -> Any:
    return int(value) if value.strip().isascii() and value.strip().isdigit() else value


def _row(origin: str, document: Any, options: Options) -> Rows:
    """A document as a row with a text, its annotations and its relations of two nodes."""
    passages, kind = document["passages"], options.type
    parts = [part for passage in passages for part in (passage, *passage.get("sentences", []))]
    text = joined_passages((p.get("offset"), p["text"]) for p in parts if p.get("text"))
    entities = [_entity(a, kind, text) for part in parts for a in part.get("annotations", [])]
    relations = []
    for relation in (r for part in (document, *parts) for r in part.get("relations", [])):
        nodes = relation.get("nodes", [])
        if len(nodes) != 2:
            raise RowError(f"a relation of {len(nodes)} nodes: {relation.get('id')!r:.40}")
        head, tail = (str(node["refid"]) for node in nodes)
        relations.append({"label": relation["infons"][kind], "head": head, "tail": tail})
    row = {"id": document.get("id"), "text": text, "entities": entities, "relations": relations}
    yield origin, row


def _entity(annotation: dict[str, Any], kind: str, text: str) -> dict[str, Any]:
    """An annotation, its string beside its place where it has one place alone."""
    pieces = annotation["locations"]
    label = annotation["infons"][kind]
    if len(pieces) == 1 and annotation.get("text"):
        start, length = pieces[0]["offset"], pieces[0]["length"]
        if text[start : start + length] != annotation["text"]:
            problem = f"{annotation['text']!r:.60} does not stand at {start}"
            raise RowError(f"{problem}: the offsets may be of bytes", "offset_mismatch")
    return {"id": str(annotation.get("id")), "label": label, "pieces": pieces}


read, _ = shaped("bioc", _row, _rows)
