"""The corpus and the report: the rows of instruct that stay, and what counts.json says of all."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from pipeline.execution import shards
from pipeline.tables import INSTRUCTIONS
from tests.invariants.demands import demand, equal, of_schema, some
from tests.invariants.rows import KINDS


def published(names, ws):
    """publish: the rows of instruct that stay, and nothing else, where the card says they are."""
    corpus, instruct = ws.folders["publish"], ws.folders["instruct"]
    sources = {}
    for dataset in sorted(map(ws.dataset, names), key=lambda d: d.id):
        held = "heldout-" if dataset.use == "held-out" else ""
        for task in dataset.tasks:
            for split, path in shards.record_shards(instruct / dataset.id / task):
                config = (f"{held}{task}-{dataset.language}", split)
                sources.setdefault(config, []).append((dataset.id, path))
    found = {}
    for path in sorted(corpus.rglob("*.parquet")):
        split, number, _, count = path.stem.rsplit("-", 3)
        equal(path.parent.parent, corpus, "the folder", path)
        found.setdefault((path.parent.name, split), []).append((int(number), int(count), path))
    there = {}
    for key, files in found.items():
        numbers = [(number, count) for number, count, _ in files]
        equal(numbers, [(n, len(files)) for n in range(len(files))], "the shards", corpus / key[0])
        read = [_published(path) for _, _, path in files]
        there[key] = pa.concat_tables(read)
        _same_rows(there[key], sources.pop(key, []), key[1], ws, corpus / key[0])
    left = sum(shards.rows(path) for paths in sources.values() for _, path in paths)
    equal(left, 0, "rows that were not published", corpus)
    front = yaml.safe_load((corpus / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    named = {
        (c["config_name"], entry["split"])
        for c in front.get("configs", ())
        if c["config_name"] != "default"
        for entry in c["data_files"]
    }
    equal(sorted(named), sorted(there), "the configs of the card", corpus / "README.md")


def _published(path):
    table, file = shards.read(path), shards.metadata(path)
    of_schema(table, INSTRUCTIONS, path)
    groups = [file.row_group(n).num_rows for n in range(file.num_row_groups)]
    demand(max(groups, default=0) <= shards.MAX_ROWS_PER_GROUP, f"row groups {groups}", path)
    return table


def _same_rows(table, sources, split, ws, where):
    """The rows of the sources, each once, or so often as the parameters say of its dataset."""
    settings = ws.settings.publish
    tables = [(name, shards.read(path)) for name, path in sources]
    source = pa.concat_tables([rows for _, rows in tables] or [INSTRUCTIONS.empty_table()])
    ids = table["id"].combine_chunks()
    demand(len(pc.unique(ids)) == len(ids), "an id stands twice", where)
    own = pc.replace_substring_regex(ids, "#[0-9]+$", "")
    at = pc.index_in(own, value_set=source["id"].combine_chunks())
    demand(at.null_count == 0, "a row is in no folder of instruct", where)
    rows = pa.array(some(table.num_rows, 20_000))
    few, wanted = table.take(rows), source.take(at.take(rows))
    for column in (n for n in INSTRUCTIONS.names if n != "id"):
        same = few[column].equals(wanted[column])
        demand(same, f"{column} is not what instruct wrote", where)
    if split != "train":
        demand(own.equals(source["id"].combine_chunks()), "not in the order of instruct", where)
    times = np.bincount(at.to_numpy(), minlength=source.num_rows)
    parts = {}
    for name, rows in tables:
        parts.setdefault(name, []).append(times[: rows.num_rows])
        times = times[rows.num_rows :]
    for name, found in parts.items():
        counts = np.concatenate(found)
        most, repeat = settings.max_rows.get(name), settings.repeat.get(name, 1)
        if split != "train":
            most, repeat = None, 1
        stay = min(len(counts), most or len(counts))
        demand(counts.max(initial=0) <= -(-repeat // 1), f"rows of {name} are repeated", where)
        equal(int((counts > 0).sum()), stay, f"rows of {name}", where)
        demand((counts[counts > 0] >= repeat // 1).all(), f"rows of {name} are missing", where)


def reported(names, ws):
    """report: counts.json is what the shards hold, and total.json its sums."""
    folder = ws.folders["report"]
    told = shards.read_json(folder / "counts.json", "datasets")["datasets"]
    equal(sorted(told), sorted(names), "the datasets", folder / "counts.json")
    for name in names:
        where = f"{folder / 'counts.json'}, {name}"
        read = shards.read_json(ws.folders["normalize"] / name / "summary.json", "splits")["splits"]
        equal(told[name]["read"], read, "what was read", where)
        records, own = {}, told[name]["records"]
        for split, path in shards.record_shards(ws.folders["dedupe"] / name):
            counts = records.setdefault(split, Counter())
            reasons = shards.read(path, ["dropped"])["dropped"].to_pylist()
            counts.update({"records": len(reasons), "kept": reasons.count(None)})
            counts.update(f"dropped: {reason}" for reason in reasons if reason)
        for split, counts in records.items():
            sums = {key: own[split][key] for key in ("records", "kept")}
            sums |= {f"dropped: {reason}": n for reason, n in own[split]["dropped"].items()}
            equal(sums, dict(counts), f"records of {split}", where)
        equal(sorted(own), sorted(records), "the splits", where)
        _asked_rows(told[name]["instructions"], ws, name, own, where)
    total = shards.read_json(folder / "total.json")
    for key, sums in (("records", "records"), ("kept", "records"), ("rows", "read")):
        parts = (split[key] for d in told.values() for split in d[sums].values())
        equal(total[key], sum(parts), f"the sum of {key}", folder / "total.json")


def _asked_rows(told, ws, name, records, where):
    """The instructions of every task and split, their labels, and the records asked nothing."""
    found = {}
    for task in ws.dataset(name).tasks:
        for split, path in shards.record_shards(ws.folders["instruct"] / name / task):
            table = shards.read(path, ["record_id", *KINDS])
            counts = found.setdefault(task, {}).setdefault(split, Counter())
            counts["instructions"] += table.num_rows
            counts["asked"] += len({*table["record_id"].to_pylist()})
            counts["pure_negative"] += table["n_positive"].to_pylist().count(0)
            for column in KINDS:
                counts[column] += sum(table[column].to_pylist())
    for by_split in found.values():
        for split, counts in by_split.items():
            counts["asked_nothing"] = records[split]["kept"] - counts.pop("asked")
    wanted = {t: {s: dict(c) for s, c in by_split.items()} for t, by_split in found.items()}
    equal(told, wanted, "instructions", where)
