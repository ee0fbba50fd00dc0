"""Write an export as formats.toml describes it.

A format of instructions is a template of its rows: `$name` stands for a column of the corpus, for
the model that is asked, or for the JSON Schema of the answer. Rows go to one folder per split. It
holds only shards, because LLaMA-Factory loads a folder as one dataset. The test rows of held-out
sets go to heldout/. A format of records has a module:

    rows(record, dataset, asked) -> (rows, counts)   `asked` are the labels to ask, by prompt
    schema(dataset)                                  of the columns, where the rows are Parquet
    dataset_files(dataset) -> {name: content}        files of a dataset, where it needs any

Rows without an `id` get the record's id and their number; all rows get `record_id`. `counts` says
what was written and, under keys that begin with "lost", what the format could not hold.

Rows lie in shards `<name>-NNNNN`, name "duie2/train": JSON lines, JSON arrays or Parquet.
"""

import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib import import_module
from itertools import islice
from pathlib import Path
from string import Template
from typing import Any, Final

import orjson
import pyarrow as pa

from pipeline.catalog import Dataset
from pipeline.execution import shards
from pipeline.exports import Source, instructions, records
from pipeline.exports._label_sets import records_and_labels
from pipeline.tasks import json_schema
from pipeline.tasks.measures import MEASURES

#: Rows of one shard.
ROWS_PER_SHARD: Final = 200_000


@contextmanager
def sharded(out: Path, kind: str, per_shard: int = ROWS_PER_SHARD) -> Iterator[Callable[..., None]]:
    """Yield `write(name, rows, schema=None)`, which appends rows to the shards of a name.

    `kind` is the ending of the files: jsonl, json or parquet. Without `schema`, that of a Parquet
    file follows from its first rows. The rows of one name may come in pieces, but one after the
    other: only the shard written last is open.
    """
    name, rows = "", 0
    append: Any = None
    with ExitStack() as shard:

        def write(into: str, items: Iterable[dict[str, Any]], schema: Any = None) -> None:
            nonlocal name, rows, append
            rows = rows if into == name else 0
            name, items = into, iter(items)
            while piece := [*islice(items, per_shard - rows % per_shard)]:
                if rows % per_shard == 0:
                    shard.close()
                    path = out / f"{name}-{rows // per_shard:05d}.{kind}"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    append = shard.enter_context(_OPENERS[kind](path, piece, schema))
                append(piece)
                rows += len(piece)

        yield write


@contextmanager
def _lines(path: Path, *_: Any) -> Iterator[Callable[[list[Any]], None]]:
    with path.open("xb") as stream:
        yield lambda rows: stream.writelines(orjson.dumps(row) + b"\n" for row in rows)


@contextmanager
def _array(path: Path, *_: Any) -> Iterator[Callable[[list[Any]], None]]:
    """An array, for trainers that read with `json.load`."""
    with path.open("xb") as stream:

        def append(rows: list[Any]) -> None:
            for row in rows:
                stream.write((b",\n" if stream.tell() else b"[\n") + orjson.dumps(row))

        yield append
        stream.write(b"\n]\n")


@contextmanager
def _parquet(path: Path, first: list[Any], schema: Any) -> Iterator[Callable[[list[Any]], None]]:
    schema = schema or pa.Table.from_pylist(first).schema
    with shards.writer(path, schema) as append:
        yield lambda rows: append(pa.Table.from_pylist(rows, schema))


_OPENERS: Final = {"jsonl": _lines, "json": _array, "parquet": _parquet}


#: The names that a template may use besides the columns of a row.
_COMPUTED: Final[dict[str, Callable[[Mapping[str, Any]], Any]]] = {
    "schema": json_schema.of_row,
    # As a string: the columns of a dataset have one type.
    "schema_text": lambda row: orjson.dumps(json_schema.of_row(row)).decode(),
    "response_format": json_schema.response_format,
}


@cache
def formats() -> dict[str, Any]:
    """Every format: see formats.toml."""
    return tomllib.loads(Path(__file__).with_name("formats.toml").read_text(encoding="utf-8"))


def export(name: str, source: Source, out: Path) -> dict[str, int]:
    """Write the source in a format under the folder `out`; return counts of written and lost."""
    form = formats()[name]
    counts = Counter(rows=0)
    if source.kind == "instructions":
        _instructions(form, source, out, counts)
    elif "files" in form:
        _records(form, source, out, counts)
    else:
        _module(form).export(source, out, counts)
    return {**counts}


def _module(form: Mapping[str, Any]) -> Any:
    return import_module(f"pipeline.exports.{form['module']}")


def _records(form: Mapping[str, Any], source: Source, out: Path, counts: Counter[str]) -> None:
    module = _module(form)
    make = getattr(module, form.get("rows", "rows"))
    schema = getattr(module, form.get("schema", ""), lambda _: None)
    dataset_files: Callable[[Dataset], dict[str, bytes]]
    dataset_files = getattr(module, form.get("dataset_files", ""), lambda _: {})
    parts: Iterable[Any]
    if form.get("asks"):
        parts = records_and_labels(source, form["tasks"], counts)
    else:
        parts = ((*part, {}) for part in records(source, form["tasks"], counts))
    with sharded(out, form["files"]) as write:
        for dataset, split, table, asked in parts:
            made: list[dict[str, Any]] = []
            for record in table.to_pylist():
                rows, record_counts = make(record, dataset, asked)
                made += with_ids(record, rows) if form.get("ids", True) else rows
                counts.update(record_counts)
                for kind in ("mentions", "relations", "events"):
                    if kind not in form["holds"]:
                        counts[f"lost: {kind}"] += len(record[kind])
                qualified = sum(len(relation["qualifiers"]) for relation in record["relations"])
                counts["lost: qualifiers of relations"] += qualified
            counts["rows"] += len(made)
            write(f"{dataset.id}/{split}", made, schema(dataset))
            for file, content in dataset_files(dataset).items():
                path = out / dataset.id / file
                if not path.exists():
                    shards.write_bytes(content, path)


def with_ids(record: Mapping[str, Any], rows: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """Add to the rows of a record `record_id` and, where absent, `id`: `<record id>#<number>`."""
    for number, row in enumerate(rows):
        yield {**row, "id": row.get("id", f"{record['id']}#{number}"), "record_id": record["id"]}


def _instructions(form: Mapping[str, Any], source: Source, out: Path, counts: Counter[str]) -> None:
    splits = form.get("splits", source.splits)
    source = source._replace(splits=tuple(s for s in source.splits if s in splits))
    with sharded(out, form["instructions"], form.get("per_shard", ROWS_PER_SHARD)) as write:
        for config, split, table in instructions(source):
            held_out = config.startswith("heldout-")
            folder = "heldout" if held_out else split
            name = form.get("name", "{folder}/{plain}").format(
                config=config, split=split, folder=folder, plain=config.removeprefix("heldout-")
            )
            model = {"model": source.model}
            rows = (
                filled(form["row"], {**row, **model, "index": counts["rows"] + number})
                for number, row in enumerate(table.to_pylist())
            )
            write(name, rows)
            counts["rows"] += table.num_rows
    if "llama_factory" in form:
        folders = sorted(path.name for path in out.iterdir() if path.is_dir())
        entries = {f"iepile_{f}": {"file_name": f, **form["llama_factory"]} for f in folders}
        shards.write_json(entries, out / "dataset_info.json")
    for file, text in form.get("beside", {}).items():
        shards.write_text(text, out / file)
    if "task" in form:
        _harness_tasks(form, source.place or out, out, counts)


def _harness_tasks(form: Mapping[str, Any], place: Path, out: Path, counts: Counter[str]) -> None:
    """Write a task of a harness for each config and split of the rows in data/.

    Its metrics are those of `iepile score`: micro-F1 over the datasets of the config, per measure.
    It names the rows by absolute paths, under `place`.
    """
    task, metric = Template(form["task"]), Template(form["metric"])
    for path in shards.listed(out / "data", "*/*-00000.parquet"):
        config, split = path.parent.name, path.name.partition("-")[0]
        name = f"iepile_{config}_{split}".lower().replace("-", "_")
        measures = MEASURES[config.removeprefix("heldout-").partition("-")[0]]
        paths = shards.listed(path.parent, f"{split}-*.parquet")
        files = orjson.dumps([str(place / shard.relative_to(out)) for shard in paths]).decode()
        metrics = "".join(metric.substitute(measure=measure) for measure in measures)
        text = task.substitute(name=name, files=files, metrics=metrics)
        shards.write_text(text, out / f"{name}.yaml")
        counts["tasks"] += 1


def filled(template: Any, row: Mapping[str, Any]) -> Any:
    """A template with the values of a row; "$name" alone keeps the type of the value."""
    match template:
        case dict():
            return {key: filled(value, row) for key, value in template.items()}
        case list():
            return [filled(item, row) for item in template]
        case str() if template[:1] == "$" and template[1:].isidentifier():
            name = template[1:]
            return row[name] if name in row else _COMPUTED[name](row)
        case str():
            return Template(template).substitute(row)
    return template
