"""Dictionaries and instructions: who is near whom, what is asked, and the answers."""

from functools import partial

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import tasks
from pipeline.dedupe import tags
from pipeline.execution import shards
from pipeline.instruct import asking, batching, pairs
from pipeline.negatives import interchange
from pipeline.tables import INSTRUCTIONS
from pipeline.tables import flat as lists
from tests.invariants.demands import constant, demand, equal, of_schema, some

KINDS = ("n_positive", "n_hard", "n_other")
#: Tasks whose answers follow from a label and its mentions alone.
_PLAIN = ("NER", "RE", "EET")


def dictionary(name, ws):
    """negatives: near labels of every label asked, best first, and the account of them."""
    dataset, folder = ws.dataset(name), ws.folders["negatives"] / name
    content = shards.read_json(folder / "dictionary.json", "tasks")
    told = shards.read_json(folder / "account.json", "tasks")
    equal(told["split"], content["split"], "the split of the account", folder)
    wanted = [*dict.fromkeys("EE" if t in ("EET", "EEA") else t for t in dataset.tasks)]
    equal([*content["tasks"]], wanted, "the tasks", folder)
    for task, near in content["tasks"].items():
        where = f"{folder}, {task}"
        labels = tasks.inventory(dataset, task)
        equal([*near], labels, "the labels", where)
        for label, others in near.items():
            named = [other["label"] for other in others]
            demand(label not in named, f"{label} is near itself", where)
            demand(len({*named}) == len(named), f"a near label of {label} stands twice", where)
            demand({*named} <= {*labels}, f"{label} has near labels that are none", where)
            scores = [other["score"] for other in others if "reason" not in other]  # by hand
            falling = sorted(scores, reverse=True)
            demand(scores == falling, f"the near labels of {label} are not in order", where)
        counted = {
            "labels": len(labels),
            "neighbors": sum(map(len, near.values())),
            "without_neighbors": [label for label in labels if not near[label]],
        }
        equal({key: told["tasks"][task][key] for key in counted}, counted, "the account", where)


def instructed(name, ws):
    """instruct: every row asks of one kept record, and all that it says of its labels is true."""
    dataset, folder, settings = ws.dataset(name), ws.folders["instruct"] / name, ws.settings
    near = interchange.dictionary_for(dataset, ws.folders["negatives"])
    for task in dataset.tasks:
        never = asking.way(dataset, task, settings.instruct) == "never"
        own = {} if never else near.get("EE" if task in ("EET", "EEA") else task, {})
        splits = (
            () if never else ("test",) if dataset.use == "held-out" else ("train", "dev", "test")
        )
        clean = {split: [] for split in splits}
        for split, path in shards.record_shards(ws.folders["clean"] / name, splits):
            clean[split].append(path)
        names = [path.name for paths in clean.values() for path in paths]
        found = [path.name for _, path in shards.record_shards(folder / task)]
        equal(sorted(found), sorted(names), f"the shards of {task}", folder)
        for split, paths in clean.items():
            kept = [tags.kept(path, ws.folders["dedupe"] / name) for path in paths]
            asked = tasks.asked(dataset, task, kept)
            for path, records in zip(paths, kept, strict=True):
                table = shards.read(folder / task / path.name)
                where = folder / task / path.name
                of_schema(table, INSTRUCTIONS, where)
                told = {"task": task, "source": dataset.source, "language": dataset.language}
                constant(table, where, **told, split=split)
                if asked:
                    _Asked(dataset, task, split, asked, own, settings.instruct, where).check(
                        table, records
                    )
                else:
                    equal(table.num_rows, 0, "rows that ask nothing", where)


class _Asked:
    """What a shard of instructions says, against the records that it asks about."""

    def __init__(self, dataset, task, split, labels, near, settings, where):
        self.dataset, self.task, self.split, self.labels = dataset, task, split, labels
        self.near, self.settings, self.where = near, settings, where
        self.way = asking.way(dataset, task, settings)
        self.demand = partial(demand, where=where)

    def check(self, table, records):
        units = pairs.by_pair(records) if self.way == "pair" else records
        ids = pairs.unit_ids(units)
        row = self._units(table, ids)
        listed, owner, _ = lists(table, "labels")
        code = pc.index_in(listed, value_set=pa.array(self.labels, pa.string()))
        self.demand(code.null_count == 0, "a label is asked that is none")
        code = code.to_numpy()
        distinct = len(np.unique(owner * len(self.labels) + code)) == len(code)
        self.demand(distinct, "a label is asked twice in a row")
        positive = self._positive(units, len(ids))
        self._counts(table, row, owner, code, positive)
        self._sizes(row, owner, code, positive)
        self._whole(row, owner, code, positive, ids)
        self._answers(table, units, row, positive)

    def _units(self, table, ids):
        """The record, or pair, of every row: in order, and its rows numbered from 0."""
        place = {identifier: n for n, identifier in enumerate(ids)}
        row, turn, before = [], 0, None
        for identifier, record in zip(
            table["id"].to_pylist(), table["record_id"].to_pylist(), strict=True
        ):
            last = identifier[len(record) + len(self.task) + 2 :]
            pair, _, number = last.rpartition(".")
            unit = f"{record}/{pair}" if pair else record
            turn, before = (turn + 1 if unit == before else 0), unit
            if identifier != f"{record}/{self.task}/{last}" or number != str(turn):
                self.demand(holds=False, what=f"{identifier} is no row of {record}, or not {turn}")
            if unit not in place:
                self.demand(holds=False, what=f"{identifier} asks about no record that is kept")
            row.append(place[unit])
        self.demand(row == sorted(row), "the rows are not in the order of the records")
        return np.array(row, np.int64)

    def _positive(self, units, count):
        """Which labels hold in which record: records x labels."""
        number = {key: n for n, key in enumerate(self.labels)}
        codes = [number.get(key, -1) for key in tasks.inventory(self.dataset, self.task)]
        row, code = tasks.held(self.dataset, self.task, units)
        code = np.array(codes, np.int64)[code]
        positive = np.zeros((count, len(self.labels)), bool)
        positive[row[code >= 0], code[code >= 0]] = True
        return positive

    def _counts(self, table, row, owner, code, positive):
        """n_positive, n_hard and n_other are those of the labels asked."""
        near = np.zeros((len(self.labels),) * 2, bool)
        number = {key: n for n, key in enumerate(self.labels)}
        for key, others in self.near.items():
            if key in number:
                near[number[key], [number[o] for o in others if o in number and o != key]] = True
        held = positive[row[owner], code]
        hard = np.zeros(len(code), bool)
        alone = self.way == "present" or self.task == "EEA" or self.split != "train"
        if not alone:
            beside = positive.astype(np.float32) @ near.astype(np.float32) > 0
            hard = ~held & beside[row[owner], code]
        wanted = [np.bincount(owner[of], minlength=len(row)) for of in (held, hard, ~held & ~hard)]
        for column, counts in zip(KINDS, wanted, strict=True):
            wrong = np.flatnonzero(table[column].to_numpy() != counts)
            self.demand(not len(wrong), f"{column} is not what is asked, in rows {wrong[:3]}")

    def _sizes(self, row, owner, code, positive):
        """Every row asks k' labels; dev and test ask all, in one order."""
        sizes = np.bincount(owner, minlength=len(row))
        labels, k = len(self.labels), self.settings.k(self.task)
        wide = min(k, labels)
        if self.settings.in_sets:
            wide = -(-labels // -(-labels // k))
        if self.task == "EEA" or self.way == "present":
            equal(int(positive[row[owner], code].sum()), len(code), "labels present", self.where)
        elif self.way != "text":
            self.demand((sizes <= wide).all(), f"rows ask more than {wide} labels")
            implied = asking.implied(self.dataset, self.task, self.labels)
            unsure = batching.doubtful(positive, implied)
            self.demand(not unsure[row[owner], code].any(), "a label is asked that is doubtful")
        elif self.split != "train":
            polled = np.resize(np.arange(labels), -(-labels // wide) * wide)
            wanted = np.tile(polled, len(positive))
            self.demand(np.array_equal(code, wanted), "the labels are not polled in their order")
            self.demand((sizes == wide).all(), f"rows do not ask {wide} labels")
        elif self.settings.remainder == "reference":
            self.demand((sizes <= k + max(1, k // 2)).all(), "rows ask too many labels")
        else:
            self.demand((sizes == wide).all(), f"rows do not ask {wide} labels")

    def _whole(self, row, owner, code, positive, ids):
        """Every positive label is asked, of every record that is asked at all."""
        asked = np.zeros_like(positive)
        asked[row[owner], code] = True
        due = positive.copy()
        if self.settings.budget is not None and self.split == "train":
            due &= asked.any(axis=1)[:, None]
        missed = np.flatnonzero((due & ~asked).any(axis=1))
        self.demand(
            not len(missed), f"a positive label is not asked: {[ids[n] for n in missed[:1]]}"
        )

    def _answers(self, table, units, row, positive):
        """Answers to the labels asked alone, in order; the right ones where they are plain."""
        columns = ("instruction", "output", "labels")
        texts = units["text"]
        keys = tasks.output_keys(self.dataset, self.task)
        named = not (self.settings.aliases and self.split == "train" and self.dataset.aliases)
        gold = _Gold(units, self.task) if self.task in _PLAIN else None
        number = {key: n for n, key in enumerate(self.labels)}
        at = some(table.num_rows).tolist()
        rows = table.select(columns).take(pa.array(at, pa.int64())).to_pylist()
        for place, (instruction, output, labels) in zip(at, map(dict.values, rows), strict=True):
            unit = int(row[place])
            asks, answer = orjson.loads(instruction), orjson.loads(output)
            what = f"{table['id'][place]}: "
            self.demand(asks["input"] == texts[unit].as_py(), f"{what}another text")
            equal(len(asks["schema"]), len(labels), f"{what}labels in the schema", self.where)
            wanted = [*dict.fromkeys(keys.get(label, label) for label in labels)]
            if named:
                equal([*answer], wanted, f"{what}keys of the answer", self.where)
            said = dict(zip(wanted, answer.values(), strict=True))
            for key in wanted:
                there = any(positive[unit, number[x]] for x in labels if keys.get(x, x) == key)
                self.demand(bool(said[key]) == there, f"{what}{key} is answered {said[key]}")
                if gold and said[key]:
                    equal(said[key], gold.answer(unit, key), f"{what}{key}", self.where)


class _Gold:
    """The answers of the plain tasks, from the annotations as they lie in the records."""

    def __init__(self, units, task):
        self.units, self.task = units, task

    def answer(self, unit, label):
        record = self.units.slice(unit, 1).to_pylist()[0]
        mentions = record["mentions"]

        def place(n):
            start = mentions[n]["start"]
            found = record["text"].find(mentions[n]["text"]) if start is None else start
            return 2**31 if found < 0 else found

        if self.task == "NER":
            own = [(place(n), n, m["text"]) for n, m in enumerate(mentions) if m["label"] == label]
            return [*dict.fromkeys(text for _, _, text in sorted(own))]
        if self.task == "EET":
            own = [e["trigger"] for e in record["events"] if e["label"] == label]
            own = sorted(
                (place(n), i, mentions[n]["text"]) for i, n in enumerate(own) if n is not None
            )
            return [*dict.fromkeys(text for _, _, text in own)]
        own = [(r["head"], r["tail"]) for r in record["relations"] if r["label"] == label]
        own.sort(key=lambda ends: (place(ends[0]), place(ends[1])))
        named = dict.fromkeys((mentions[h]["text"], mentions[t]["text"]) for h, t in own)
        return [{"subject": subject, "object": object_} for subject, object_ in named]
