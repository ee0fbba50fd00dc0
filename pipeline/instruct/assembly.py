"""Put instructions together: every string is joined by Arrow from fragments that exist once.

A batch says which labels of which record are asked; the fragments are the record's text, each
label's schema item, and its answer or absence. Python touches every annotation once, never a row.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import hashing, tables, tasks
from pipeline.instruct import batching
from pipeline.instruct.asking import Asking
from pipeline.instruct.batching import Batches
from pipeline.instruct.templates import LISTED, openings, texts_for
from pipeline.tables import INSTRUCTIONS
from pipeline.tasks._answers import Answers, Items, dumps, joined, json_strings
from pipeline.tasks._events import NOTHING
from pipeline.tasks._labels import phrasing_of, phrasings

#: Salt: which alias is asked must not follow from the order of the labels.
_NAME: Final = np.uint64(0x4E41)


def assembled(table: Any, asking: Asking, answers: Answers, batches: Batches, kind: Any) -> Any:
    """Put the columns together: every string is joined from fragments that exist once."""
    dataset, task, split = asking.dataset, asking.task, asking.split
    count = len(batches.row)
    filled = batches.labels >= 0
    sizes = filled.sum(axis=1)
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())
    code = batches.labels[filled]
    owner = np.repeat(batches.row, sizes)
    row = pa.array(batches.row)

    at = np.full(kind.shape, -1, np.int64)
    at[answers.row, answers.code] = np.arange(len(answers.row))
    answer = at[owner, code]
    ids = table["id"].combine_chunks()
    in_pairs = "pair" in table.column_names
    form = asking.settings.role_values if task in LISTED else "published"
    asks = "RE_PAIR" if in_pairs else task if form == "published" else f"{task}_{form.upper()}"
    if form != "published":
        answers = answers._replace(value=_in_form(form, task, answers.value))
    texts = texts_for(asking.settings.templates, asks, dataset.language, split)
    names, number = _names(asking, ids)
    name = number(owner, code)
    key = names.take(pa.array(name))
    # The key and value of every label asked; most labels are absent.
    without = pc.binary_join_element_wise(names, asking.absent or "", ": ")
    known = names.take(pa.array(number(answers.row, answers.code)))
    present = pc.binary_join_element_wise(known, answers.value, ": ")
    place = np.where(answer >= 0, len(names) + answer, name)
    pair = pa.concat_arrays([without, present]).take(pa.array(place))
    output = _outputs(table, asking, (offsets, owner, code, key, pair))
    items, brackets = _items(asking, answers, (ids, owner, code, answer), key)
    schema = pc.binary_join(pa.ListArray.from_arrays(offsets, items), ", ")
    instruction = pc.binary_join_element_wise(
        openings(texts, ids, row),
        brackets[0],
        schema,
        brackets[1],
        _given(table).take(row) if in_pairs else "",
        ', "input": ',
        json_strings(table["text"].combine_chunks()).take(row),
        "}",
        "",
    )
    record_id = ids.take(row)
    turn = pa.array(batches.number).cast(pa.string())
    if in_pairs:  # the batches of each pair are numbered and scored separately
        pair_number = table["number"].combine_chunks().cast(pa.string()).take(row)
        turn = pc.binary_join_element_wise(pair_number, turn, ".")
    kinds = np.where(filled.T, kind[batches.row, batches.labels.T], -1)
    counts = [(kinds == k).sum(axis=0) for k in (batching.POSITIVE, batching.HARD, batching.OTHER)]
    columns = [
        pa.repeat(task, count),
        pa.repeat(dataset.source, count),
        instruction,
        output,
        pc.binary_join_element_wise(record_id, task, turn, "/"),
        record_id,
        pa.repeat(dataset.language, count),
        pa.repeat(split, count),
        pa.ListArray.from_arrays(
            offsets,
            pa.array(asking.labels, pa.string()).take(pa.array(code)),
            type=INSTRUCTIONS.field("labels").type,
        ),
        *(pa.array(n, pa.int32()) for n in counts),
    ]
    return pa.Table.from_arrays(columns, schema=INSTRUCTIONS)


def _in_form(form: str, task: str, values: Any) -> Any:
    """Return the answers with all values of roles or attributes as "list" or "string".

    As a list, "NAN" is []. As a string, several values are a JSON list, which the scorer reads, and
    so is a single value that could be mistaken for JSON.
    """
    answers = [orjson.loads(text) for text in values.to_pylist()]
    for answer in answers:
        slots = answer.values() if task == "KG" else (event["arguments"] for event in answer)
        for by_role in slots:
            for role, value in by_role.items():
                several = value if isinstance(value, list) else [value]
                if form == "list":
                    by_role[role] = [] if value == NOTHING else several
                elif isinstance(value, list) or value[:1] in ("[", "{"):
                    by_role[role] = dumps(several)
    return pa.array(map(dumps, answers), pa.string())


def _given(table: Any) -> Any:
    """Return the JSON field that names the pair which each row of a table is about."""
    ends = json_strings(pc.list_flatten(table["pair"].combine_chunks()))
    return pc.binary_join_element_wise(', "pair": [', ends[::2], ", ", ends[1::2], "]", "")


def _names(asking: Asking, ids: Any) -> tuple[Any, Callable[[Any, Any], Any]]:
    """Return all names of labels as JSON, and a function: (row, label) -> number of its name.

    Where a schema item is just the label, one of its aliases may replace it, chosen by hash.
    """
    shown, schemas = asking.answer_keys(), tasks.schemas(asking.dataset, asking.task)
    aliases = asking.dataset.aliases
    alone = all(schemas[key] == key for key in asking.labels)
    names = [[key, *aliases.get(key, ())] if alone else [key] for key in shown]
    sizes = np.array([len(variants) for variants in names], np.int64)
    first = np.cumsum(sizes) - sizes
    flat = json_strings(pa.array([name for variants in names for name in variants], pa.string()))
    if not (sizes > 1).any():
        return flat, lambda row, code: first[code]  # noqa: ARG005
    keys = hashing.mix64(
        hashing.priorities(ids.to_pylist(), asking.labels, asking.settings.seed) ^ _NAME
    )
    turns = (hashing.mix64(keys ^ _NAME) % sizes.astype(np.uint64)).astype(np.int64)
    return flat, lambda row, code: first[code] + turns[row, code]


def _items(
    asking: Asking, answers: Answers, slots: tuple[Any, Any, Any, Any], names: Any
) -> tuple[Any, str]:
    """Return the schema item of every label asked, and the brackets around an instruction's items.

    Labels are a list, or, where the dataset describes any of them, an object {label: description}.
    Items that are objects hold their descriptions. The phrasing of a record follows from its id.
    """
    ids, owner, code, answer = slots
    asked = asking.labels
    if answers.schema is not None:
        return answers.schema.take(pa.array(answer)), "[]"
    phrased = phrasings(asking.dataset)
    phrasing = phrasing_of(ids.to_pylist(), len(phrased))
    at = pa.array(phrasing[owner] * len(asked) + code)
    schemas = [tasks.schemas(variant, asking.task) for variant in phrased]
    every = [schema[key] for schema in schemas for key in asked]
    if every[: len(asked)] != [*asked]:
        return pa.array(map(dumps, every), pa.string()).take(at), "[]"
    if asking.dataset.descriptions.keys().isdisjoint(asked):
        return names, "[]"
    texts = [dumps(variant.descriptions.get(key, "")) for variant in phrased for key in asked]
    return pc.binary_join_element_wise(names, pa.array(texts, pa.string()).take(at), ": "), "{}"


def _outputs(table: Any, asking: Asking, slots: tuple[Any, Any, Any, Any, Any]) -> Any:
    """Return each instruction's answers as a JSON object, with keys in the order of the labels."""
    shown = asking.answer_keys()
    offsets, pair = slots[0], slots[-1]
    if len({*shown}) < len(shown):
        order = {name: n for n, name in enumerate(dict.fromkeys(shown))}
        number = np.array([order[k] for k in shown])
        offsets, pair = _pooled(table, asking, number, slots)
    joined_pairs = pc.binary_join(pa.ListArray.from_arrays(offsets, pair), ", ")
    return pc.binary_join_element_wise("{", joined_pairs, "}", "")


def _pooled(
    table: Any, asking: Asking, number: Any, slots: tuple[Any, Any, Any, Any, Any]
) -> tuple[Any, Any]:
    """Merge labels of a batch that share a key into one, with all their answers in text order."""
    offsets, owner, code, key, pair = slots
    batch = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets.to_numpy()))
    same = batch * (number.max() + 1) + number[code]
    _, first, group = np.unique(same, return_index=True, return_inverse=True)
    at = np.arange(len(pair))
    several = np.flatnonzero(np.bincount(group)[group] > 1)
    if len(several):
        items = tasks.items(asking.dataset, asking.task, table)
        items = items._replace(code=asking.numbers()[items.code])
        items = items.only(items.code >= 0)
        wanted = owner[several] * len(asking.labels) + code[several]
        have = items.row * len(asking.labels) + items.code
        order = np.argsort(have, kind="stable")
        low, high = (np.searchsorted(have[order], wanted, side=s) for s in ("left", "right"))
        slot = np.repeat(several, high - low)
        place, turn = tables.elements(high - low)
        taken = order[low[place] + turn]
        zeros = np.zeros(len(slot), np.int64)
        json = items.json.take(pa.array(taken))
        merged = joined(Items(group[slot], zeros, items.place[taken], items.then[taken], json))
        heads = first[merged.row]
        at[heads] = len(pair) + np.arange(len(heads))
        pooled = pc.binary_join_element_wise(key.take(pa.array(heads)), merged.value, ": ")
        pair = pa.concat_arrays([pair, pooled])
    keep = np.sort(first)
    kept_sizes = np.bincount(batch[keep], minlength=len(offsets) - 1)
    begins = pa.array(np.concatenate([[0], np.cumsum(kept_sizes)]), pa.int32())
    return begins, pair.take(pa.array(at[keep]))
