"""Bring a model's answers and the gold of a corpus together, and score them.

All rows of a split are due as soon as one of them is answered, whatever its task and dataset: what
has no answer counts as an empty one. Gold is read in parts by the hash of the record, so that
memory holds the answers, as one Arrow column, and one part of the gold.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import hashing
from pipeline.errors import RawFileError
from pipeline.records import TASKS
from pipeline.scoring.counting import Group, Options, Row, add_record
from pipeline.scoring.f1 import result, together
from pipeline.scoring.predictions import AT_ONCE, files, parquet
from pipeline.tables import of_corpus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pipeline.scoring.predictions import Answers

_ROWS_PER_PART: Final = 150_000
_COLUMNS: Final = ("id", "record_id", "task", "output")
#: What tells the signatures of a predicate apart, which share its key in the output.
_SIGNATURES: Final = ("labels", "instruction")


def score(
    answers: Answers,
    gold: Path,
    options: Options,
    *,
    datasets: Sequence[str] = (),
    partial: bool = False,
) -> dict[str, Any]:
    """The scores of every task and dataset of the splits that are answered, and of every task.

    `datasets` are those that are due, all by default. `partial` leaves out the rows of the gold
    that have no answer, instead of counting them. RawFileError where an answer is of no row of the
    gold, or the gold holds no such dataset.
    """
    paths_of_gold = [path for path in files(gold) if path.suffix == ".parquet"]
    if not paths_of_gold:
        todo = "name the folder of a corpus, or one of its shards, with --gold"
        raise RawFileError("no Parquet shards here", where=gold, todo=todo)
    ids, texts = answers.ids.combine_chunks(), answers.texts.combine_chunks()
    places = _places(ids)
    due = _due(paths_of_gold, ids, places, gold, datasets)
    groups: dict[str, Group] = {}
    held_out: set[str] = set()
    for paths in _together(due):
        names = sorted({name for path in paths for name in due[path]})
        mine = _answers_of(names, places)
        asked = ids.take(mine)
        total = sum(pq.read_metadata(path).num_rows for path in paths)
        parts = -(-total // _ROWS_PER_PART)
        spo = any(name.startswith("SPO/") for name in names)
        columns = (*_COLUMNS, *(_SIGNATURES if spo else ()))
        for part in range(parts):
            pieces = [t for p in paths for t in _part(p, columns, names, (part, parts))]
            table = pa.concat_tables(pieces)
            at = pc.index_in(table["id"], value_set=asked)
            if partial:
                table, at = table.filter(pc.is_valid(at)), pc.drop_null(at)
            found = texts.take(pa.array(mine).take(at.combine_chunks()))
            _add(groups, table.append_column("answer", found), options)
        if paths[0].parent.name.startswith("heldout-"):
            held_out |= {*names}
    return _scores(groups, held_out, options)


def _places(ids: Any) -> dict[str, Any]:
    """Group -> where in the answers its own are, so that a file is compared with these alone."""
    names = pc.replace_substring_regex(ids, "^(.*)/[^/]*/([^/]*)/[^/]*$", r"\2/\1").fill_null("")
    names = names.dictionary_encode()
    codes = names.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    return dict(zip(names.dictionary.to_pylist(), parts, strict=False))


def _due(
    files: Sequence[Path],
    ids: Any,
    places: Mapping[str, Any],
    gold: Path,
    datasets: Sequence[str],
) -> dict[Path, list[str]]:
    """File -> the groups in it that are due; an answer of no file is an error."""
    splits = {name.rpartition("/")[2] for name in places}
    seen, present = np.zeros(len(ids), bool), set[str]()
    found: dict[Path, list[str]] = {}
    for path in files:
        with parquet(path) as file:
            if lacking := [
                n for n in (*_COLUMNS, *_SIGNATURES) if n not in file.schema_arrow.names
            ]:
                todo = "name a corpus that `iepile publish` wrote with --gold"
                raise RawFileError(f"no column {lacking[0]!r}", where=path, todo=todo)
            table = of_corpus(file.read(["id", "record_id", "task"]))
        names = pc.unique(_names(table)).to_pylist()
        if odd := [name for name in names if name is None or name.count("/") != 2]:
            todo = "name a corpus that `iepile publish` wrote with --gold"
            raise RawFileError(f"these are no rows of a corpus: {odd[0]!r}", where=path, todo=todo)
        present.update(name.split("/")[1] for name in names)
        names = [name for name in names if name.split("/")[2] in splits]
        found[path] = [n for n in names if not datasets or n.split("/")[1] in datasets]
        mine = _answers_of(names, places)
        at = pc.index_in(table["id"], value_set=ids.take(mine))
        seen[mine[pc.drop_null(at).to_numpy()]] = True
    if absent := sorted({*datasets} - present):
        todo = f"it holds {', '.join(sorted(present))}"
        raise RawFileError(f"this gold holds no dataset {absent[0]!r}", where=gold, todo=todo)
    if not seen.all():
        strange = ids.filter(pa.array(~seen))
        raise RawFileError(
            f"{len(strange)} answers have ids that the gold does not hold, the first is "
            f"{strange[0].as_py()!r}",
            where=gold,
            todo="answer rows of the corpus that --gold names",
        )
    return found


def _answers_of(names: Iterable[str], places: Mapping[str, Any]) -> Any:
    """Where in the answers those of some groups are."""
    return np.concatenate([np.empty(0, np.int64), *(places[n] for n in names if n in places)])


def _names(table: Any) -> Any:
    """The group of every row: "<task>/<dataset>/<split>"."""
    places = pc.replace_substring_regex(table["record_id"], "/[^/]*$", "")
    return pc.binary_join_element_wise(table["task"], places, "/")


def _together(due: Mapping[Path, list[str]]) -> list[list[Path]]:
    """The files in which anything is due, by folder and split: a record lies in one of these."""
    found: dict[tuple[Path, str], list[Path]] = {}
    for path, names in due.items():
        if names:
            found.setdefault((path.parent, path.name.split("-")[0]), []).append(path)
    return [*found.values()]


def _part(
    path: Path, columns: Sequence[str], names: Sequence[str], part: tuple[int, int]
) -> Iterator[Any]:
    """The rows of wanted groups whose records belong to one part."""
    number, parts = part
    with parquet(path) as file:
        for batch in file.iter_batches(AT_ONCE, columns=[*columns]):
            table = of_corpus(batch)
            table = table.append_column("group", _names(table))
            mine = pc.is_in(table["group"], value_set=pa.array(names))
            if parts > 1:
                point = hashing.hashes(table["record_id"].to_pylist()) % np.uint64(parts)
                mine = pc.and_(mine, pa.array(point == number))
            yield table.filter(mine)


def _add(groups: dict[str, Group], table: Any, options: Options) -> None:
    """Count the rows of a table, record by record, label batches in the order of their numbers.

    A row that `publish.repeat` made twice (`.../0#1`) comes after the first, and asks nothing new.
    """
    number = pc.extract_regex(table["id"], r"(?P<batch>\d+)(?:#(?P<copy>\d+))?$")
    batch, copy = (
        pc.if_else(pc.equal(part, ""), "0", part).cast(pa.int64()).to_numpy()
        for part in number.combine_chunks().flatten()
    )
    name = table["group"].combine_chunks().dictionary_encode()
    # Of a record that is asked about several pairs, each pair is counted by itself.
    unit = pc.replace_substring_regex(table["id"], r"\d+(?:#\d+)?$", "")
    record = unit.combine_chunks().dictionary_encode().indices.to_numpy()
    order = pa.array(np.lexsort((copy, batch, record, name.indices.to_numpy())))
    owners = zip(
        name.indices.take(order).to_pylist(), record[order.to_numpy()].tolist(), strict=True
    )
    table = table.take(order)
    fields = [table[column].to_pylist() for column in ("output", "answer")]
    if "instruction" in table.column_names:
        tasks_and_questions = [table[column].to_pylist() for column in ("task", "instruction")]
        fields += [table["labels"].to_pylist(), map(_shown, *tasks_and_questions)]
    names = name.dictionary.to_pylist()
    for code in names:
        groups.setdefault(code, Group(code.partition("/")[0]))
    rows = zip(owners, *fields, strict=True)
    for (code, _), own in groupby(rows, key=itemgetter(0)):
        add_record(groups[names[code]], (Row(*row[1:]) for row in own), options)


def _shown(task: str, instruction: str) -> list[str]:
    """How the output calls the labels of an instruction, where that is not their key."""
    if task != "SPO":
        return []
    return [item["predicate"] for item in orjson.loads(instruction)["schema"]]


def _scores(groups: Mapping[str, Group], held_out: set[str], options: Options) -> dict[str, Any]:
    """What the command prints and writes: an entry per group, and per task and split."""
    totals: dict[tuple[str, str, str], list[Group]] = {}
    entries: list[dict[str, Any]] = []
    for name in sorted(groups, key=lambda n: (TASKS.index(n.partition("/")[0]), n)):
        task, dataset, split = name.split("/")
        use = "all held-out" if name in held_out else "all"
        totals.setdefault((task, use, split), []).append(groups[name])
        about = {"task": task, "dataset": dataset, "split": split}
        entries += [{**about, **own} for own in result(name, groups[name], options)]
    sums: list[dict[str, Any]] = []
    for (task, use, split), own_groups in totals.items():
        about = {"task": task, "dataset": use, "split": split}
        for own in result(f"{task}/{use}/{split}", together(own_groups), options):
            del own["labels"]  # a label of one dataset is not that of another
            sums.append({**about, "datasets": len(own_groups), **own})
    return {"options": options._asdict(), "scores": entries, "totals": sums}
