"""What the tasks share: flat views of a table's annotations, and JSON fragments made from them.

Everything is columns: an item (one string of JSON) per annotation, with the row and label it
belongs to and its place in the text; `joined` turns items into one JSON list per (row, label).
"""

from json import JSONEncoder
from typing import Any, Final, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import tables

#: JSON with a blank after commas and colons, as the field's rows have it.
dumps: Final = JSONEncoder(ensure_ascii=False).encode
#: Byte -> whether JSON escapes it in a string.
_ESCAPED: Final = np.isin(np.arange(256), [*range(0x20), ord('"'), ord("\\")])
#: The place of a mention that does not occur in its text: after all others.
_NOWHERE = 2**31 - 1


class Items(NamedTuple):
    """One JSON item per annotation: parallel columns, in source order."""

    row: Any  #: int64, the record's row in the table
    code: Any  #: int64, the label's number in the inventory
    place: Any  #: int64, where the annotation stands in its text
    then: Any  #: int64, decides between equal places
    json: Any  #: string array

    def only(self, mask: Any) -> "Items":
        """The items where the mask holds."""
        keep = pa.array(np.flatnonzero(mask))
        row, code, place, then = (column[mask] for column in self[:4])
        return Items(row, code, place, then, self.json.take(keep))


class Answers(NamedTuple):
    """The JSON value of every (row, label) that is present; each pair once."""

    row: Any
    code: Any
    value: Any
    #: For EEA alone: the schema item of the label in this record.
    schema: Any = None


class Mentions(NamedTuple):
    """All mentions of a table, flat; record r owns `first[r]` to `first[r + 1]`."""

    first: Any
    row: Any
    text: Any
    place: Any
    label: Any


def mentions(table: Any) -> Mentions:
    """The flat mentions of a table. Without offsets, the place is the first occurrence."""
    flat, row, first = tables.flat(table, "mentions")
    text, start = pc.struct_field(flat, "text"), pc.struct_field(flat, "start")
    place = pc.fill_null(start, -1).to_numpy().astype(np.int64)
    for index in np.flatnonzero(place < 0):
        at = table["text"][int(row[index])].as_py().find(text[int(index)].as_py())
        place[index] = at if at >= 0 else _NOWHERE
    return Mentions(first, row, text, place, pc.struct_field(flat, "label"))


def codes(labels: Any, inventory: list[str]) -> Any:
    """The number of every label in the inventory, -1 where it is null or not in there."""
    numbers = pc.index_in(labels, value_set=pa.array(inventory, pa.string()))
    return pc.fill_null(numbers, -1).to_numpy().astype(np.int64)


def json_strings(texts: Any) -> Any:
    """Every string as a JSON string, non-ASCII characters as they are."""
    quoted = pc.binary_join_element_wise('"', texts, '"', "")
    rows = _to_escape(texts)
    if len(rows):
        mask = np.zeros(len(texts), bool)
        mask[rows] = True
        odd = pa.array(mask)
        escaped = [orjson.dumps(t).decode() for t in texts.filter(odd).to_pylist()]
        quoted = pc.replace_with_mask(quoted, odd, pa.array(escaped, pa.string()))
    return quoted


def _to_escape(texts: Any) -> Any:
    """The numbers of the strings that hold a byte which JSON escapes; a pattern takes ten times."""
    _, offsets, data = texts.buffers()
    if data is None:
        return np.empty(0, np.int64)
    bounds = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    codes = np.frombuffer(data, np.uint8)[bounds[0] : bounds[-1]]
    return np.unique(
        np.searchsorted(bounds[1:] - bounds[0], np.flatnonzero(_ESCAPED[codes]), "right")
    )


def joined(items: Items) -> Answers:
    """Per (row, label) the JSON list of its distinct items in text order."""
    if len(items.row) == 0:
        return Answers(items.row, items.code, pa.array([], pa.string()))
    identity = items.json.dictionary_encode().indices.to_numpy()
    order = np.lexsort((items.then, items.place, items.code, items.row))
    pair = items.row[order] * (items.code.max() + 1) + items.code[order]
    # Of equal items of one pair the earliest stays: a stable sort brings it to the front.
    identity = identity[order]
    again = np.lexsort((identity, pair))
    same = (np.diff(pair[again]) == 0) & (np.diff(identity[again]) == 0)
    keep = np.ones(len(order), bool)
    keep[again[1:][same]] = False
    order, pair = order[keep], pair[keep]
    starts = np.flatnonzero(np.concatenate([[True], np.diff(pair) != 0]))
    lists = pa.ListArray.from_arrays(
        pa.array(np.concatenate([starts, [len(pair)]]), pa.int32()),
        items.json.take(pa.array(order)),
    )
    value = pc.binary_join_element_wise("[", pc.binary_join(lists, ", "), "]", "")
    heads = order[starts]
    return Answers(items.row[heads], items.code[heads], value)


class Relations(NamedTuple):
    """All relations of a table, flat: the row of each, its label, its ends among the mentions."""

    row: Any
    label: Any
    head: Any
    tail: Any


def relations(table: Any, first: Any) -> Relations:
    """The flat relations of a table; record r owns the mentions from `first[r]`."""
    flat, row, _ = tables.flat(table, "relations")
    head, tail = (
        first[row] + pc.struct_field(flat, end).to_numpy().astype(np.int64)
        for end in ("head", "tail")
    )
    return Relations(row, pc.struct_field(flat, "label"), head, tail)


def typed(labels: Any, linked: Relations) -> Any:
    """What the dictionary calls each relation: its label and the types of its ends (`labels`)."""
    head, tail = (labels.take(pa.array(end)) for end in (linked.head, linked.tail))
    return pc.binary_join_element_wise(head, linked.label, tail, "_")


def pairs(ends: Mentions, linked: Relations, code: Any) -> Items:
    """The items of all relations of which `code` tells the label; none where that is -1."""
    quoted = json_strings(ends.text)
    subject, object_ = (quoted.take(pa.array(end)) for end in (linked.head, linked.tail))
    json = pc.binary_join_element_wise('{"subject": ', subject, ', "object": ', object_, "}", "")
    place, then = ends.place[linked.head], ends.place[linked.tail]
    return Items(linked.row, code, place, then, json).only(code >= 0)


def attributes(table: Any, code: Any) -> Answers:
    """For KG: per head type, each head's attributes, one value as it is, several as a list.

    `code` tells the head type of every relation, -1 for none.
    """
    ends = mentions(table)
    row, label, head, tail = relations(table, ends.first)
    labels, texts = label.to_pylist(), ends.text.to_pylist()
    merged: dict[tuple[int, int], dict[str, dict[str, dict[str, None]]]] = {}
    for i in np.lexsort((ends.place[tail], ends.place[head], code, row)):
        if code[i] >= 0:
            heads = merged.setdefault((int(row[i]), int(code[i])), {})
            attribute = heads.setdefault(texts[head[i]], {}).setdefault(labels[i], {})
            attribute[texts[tail[i]]] = None
    values = [
        {h: {a: one_or_all([*v]) for a, v in of_head.items()} for h, of_head in heads.items()}
        for heads in merged.values()
    ]
    pair = np.array([*merged], np.int64).reshape(-1, 2)
    return Answers(pair[:, 0], pair[:, 1], pa.array(map(dumps, values), pa.string()))


def one_or_all(values: list[str]) -> str | list[str]:
    """One value as it is, several as a list."""
    return values[0] if len(values) == 1 else values
