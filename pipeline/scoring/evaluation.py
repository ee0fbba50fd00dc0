"""Bring a model's answers and the gold of a corpus together, and score them.

All rows of a split are due as soon as one of them is answered, whatever its task and dataset: what
has no answer counts as an empty one. Gold is read in parts by the hash of the record, so that
memory holds the answers, as one Arrow column, and one part of the gold.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import groupby, repeat
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import hashing
from pipeline.config import check_known
from pipeline.dedupe import tags
from pipeline.errors import RawFileError
from pipeline.negatives import interchange
from pipeline.records import TASKS
from pipeline.scoring.counting import Group, Options, Places, Row, Types, add_record
from pipeline.scoring.f1 import f1_of_measure, result, together
from pipeline.scoring.predictions import AT_ONCE, Answers, files, parquet
from pipeline.tables import of_corpus

_ROWS_PER_PART: Final = 150_000
_COLUMNS: Final = ("id", "record_id", "task", "split", "output")
#: The columns that distinguish the signatures of a predicate, which share its key in the output.
_SIGNATURES: Final = ("labels", "instruction")
_CORPUS: Final = "name a corpus that `iepile publish` wrote with --corpus"


class _Model:
    """The answers of one model, and their counts by group."""

    def __init__(self, answers: Answers) -> None:
        self.ids = answers.ids.combine_chunks()
        self.texts = answers.texts.combine_chunks()
        #: Which answers have a row in the gold.
        self.known = np.zeros(len(self.ids), bool)
        self.groups: dict[str, Group] = {}
        self.types: Types = {}
        place = "^(.*)/[^/]*/([^/]*)/[^/]*$"
        names = pc.replace_substring_regex(self.ids, place, r"\2/\1").fill_null("")
        self._names = names.dictionary_encode()

    def splits(self) -> set[str]:
        """The splits that are answered."""
        return {name.rpartition("/")[2] for name in self._names.dictionary.to_pylist()}

    def places(self, table: Any) -> Any:
        """The index of the answer to each row, null where there is none.

        Rows are compared only with the answers of their groups.
        """
        codes = pc.index_in(pc.unique(table["group"]), value_set=self._names.dictionary)
        mine = np.flatnonzero(np.isin(self._names.indices, codes.drop_null()))
        at = pc.index_in(table["id"], value_set=self.ids.take(mine)).combine_chunks()
        places = pa.array(mine).take(at)
        self.known[places.drop_null()] = True
        return places


def score(
    answers: Answers,
    gold: Path,
    options: Options,
    *,
    datasets: Collection[str] = (),
    partial: bool = False,
    against: Answers | None = None,
    dictionary: Path | None = None,
) -> dict[str, Any]:
    """The scores of every task and dataset of the splits that are answered, and of every task.

    `datasets` names the datasets to score, all by default. `partial` leaves out the rows of the
    gold that have no answer, instead of counting them. `against` holds the answers of another
    model to compare with. `dictionary` is a folder of hard negatives, <dataset>.json, which
    separates kinds of mistakes. Raises RawFileError where an answer belongs to no row of the gold,
    or the gold lacks one of the datasets.
    """
    models = [_Model(each) for each in (answers, against) if each is not None]
    splits = pa.array(sorted(set[str]().union(*(model.splits() for model in models))))
    present = set[str]()
    #: Dataset -> rows that `partial` left out.
    left_out: Counter[str] = Counter()
    for table in _gold(gold, splits):
        names = pc.unique(table["group"]).to_pylist()
        present.update(name.split("/")[1] for name in names)
        at = [model.places(table) for model in models]
        due = pa.repeat(True, table.num_rows)
        if datasets:
            wanted = [name for name in names if name.split("/")[1] in datasets]
            due = pc.is_in(table["group"], value_set=pa.array(wanted, pa.string()))
        if partial:
            answered = reduce(pc.or_, map(pc.is_valid, at))
            left = table["group"].filter(pc.and_not(due, answered)).to_pylist()
            left_out.update(name.split("/")[1] for name in left)
            due = pc.and_(due, answered)
        config = table["config"][0].as_py()
        for name in sorted(name for name in names if name not in models[0].groups):
            task, dataset, split = name.split("/")
            near = _near(dictionary, dataset).get(task, {}) if options.examples else {}
            by_place = options.match == "span" and task == "NER"
            places = _places(gold, dataset, split) if by_place else None
            for model in models:
                # The folders of NER come before those of RE.
                typed = options.strict and f"NER/{dataset}/{split}" in (*model.groups, name)
                types = model.types if typed else None
                model.groups[name] = Group(task, near, config, places=places, types=types)
        texts = [m.texts.take(indices.filter(due)) for m, indices in zip(models, at, strict=True)]
        add([model.groups for model in models], table.filter(due), texts, options)
    check_known(datasets, sorted(present), "dataset", gold)
    for model in models:
        strange = model.ids.filter(pa.array(~model.known))
        if len(strange):
            number, first = len(strange), strange[0].as_py()
            what = f"answers with ids that the gold does not hold: {number}, the first is {first!r}"
            todo = "answer rows of the corpus that --corpus names"
            raise RawFileError(what, where=gold, todo=todo)
    return _scores(models[0].groups, left_out, options)


def _near(dictionary: Path | None, dataset: str) -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Task -> label -> near labels; empty where the dictionary lacks the dataset."""
    path = dictionary / f"{dataset}.json" if dictionary else None
    return interchange.dictionary_of(path) if path and path.is_file() else {}


def _places(gold: Path, dataset: str, split: str) -> Places:
    """The places of the entities of a split, from the records of the run that made the corpus."""
    run = next((p for p in gold.resolve().parents if (p / "clean" / dataset).is_dir()), None)
    if run is None:
        todo = "score against the corpus of a whole run with --match span"
        problem = f"the records of {dataset} are not beside this corpus"
        raise RawFileError(problem, where=gold, todo=todo)
    places = defaultdict[tuple[str, str], Any](lambda: defaultdict(dict))
    dedupe = run / "dedupe" / dataset
    tables = tags.tables(run / "clean" / dataset, dedupe if dedupe.is_dir() else None, [split])
    for _, table in tables:
        for record in table.select(["id", "mentions"]).to_pylist():
            for mention in record["mentions"]:
                if mention["label"] is not None:
                    start, end = mention["start"], mention["end"]
                    place = "" if start is None else f"{start}:{end}"
                    places[record["id"], mention["label"]][mention["text"]][place] = None
    return places


def _gold(gold: Path, splits: Any) -> Iterator[Any]:
    """The rows of some splits in parts that hold whole records.

    The rows of a record lie in one folder of the corpus. The columns `group`,
    "<task>/<dataset>/<split>", and `config`, the folder, are added.
    """
    folders: dict[Path, list[Path]] = {}
    spo: set[Path] = set()
    for path in files(gold):
        if path.suffix != ".parquet":
            continue
        with parquet(path, (*_COLUMNS, *_SIGNATURES), todo=_CORPUS) as file:
            kinds = of_corpus(file.read(["split", "task"]))
        folders.setdefault(path.parent, [])
        if pc.any(pc.is_in(kinds["split"], value_set=splits)).as_py():
            folders[path.parent].append(path)
            spo |= {path.parent} if pc.any(pc.equal(kinds["task"], "SPO")).as_py() else set()
    if not folders:
        todo = "name the folder of a corpus, or one of its shards, with --corpus"
        raise RawFileError("no Parquet shards here", where=gold, todo=todo)
    for folder, paths in folders.items():
        columns = [*_COLUMNS, *(_SIGNATURES if folder in spo else ())]
        parts = -(-sum(pq.read_metadata(path).num_rows for path in paths) // _ROWS_PER_PART)
        for part in range(parts):
            pieces = [t for path in paths for t in _part(path, columns, splits, part, parts)]
            table = pa.concat_tables(pieces)
            if table.num_rows:
                yield table.append_column("config", pa.repeat(folder.name, table.num_rows))


def _part(path: Path, columns: list[str], splits: Any, part: int, parts: int) -> Iterator[Any]:
    """The rows of these splits whose records belong to one part."""
    with parquet(path) as file:
        for batch in file.iter_batches(AT_ONCE, columns=columns):
            table = of_corpus(batch)
            mine = pc.is_in(table["split"], value_set=splits)
            if parts > 1:
                point = hashing.hashes(table["record_id"].to_pylist()) % np.uint64(parts)
                mine = pc.and_(mine, pa.array(point == part))
            table = table.filter(mine)
            places = pc.replace_substring_regex(table["record_id"], "/[^/]*$", "")
            names = pc.binary_join_element_wise(table["task"], places, "/")
            for name in pc.unique(names).to_pylist():
                if name is None or name.count("/") != 2:
                    what = f"these are no rows of a corpus: {name!r}"
                    raise RawFileError(what, where=path, todo=_CORPUS)
            yield table.append_column("group", names)


def add(
    models: Sequence[Mapping[str, Group]], table: Any, texts: Sequence[Any], options: Options
) -> None:
    """Count the rows of a table, record by record, label batches in the order of their numbers.

    Every model has its groups and its texts: for each row a text or null. A copy of a row that
    `publish.repeat` made (`.../0#1`) comes after the first, and asks nothing new.
    """
    number = pc.extract_regex(table["id"], r"(?P<batch>\d+)(?:#(?P<copy>\d+))?$")
    batch, copy = (
        pc.if_else(pc.equal(part, ""), "0", part).cast(pa.int64()).to_numpy()
        for part in number.combine_chunks().flatten()
    )
    # Where a record is asked about several pairs, each pair is counted separately.
    unit = pc.replace_substring_regex(table["id"], r"\d+(?:#\d+)?$", "")
    unit, name = (c.combine_chunks().dictionary_encode() for c in (unit, table["group"]))
    order = pa.array(np.lexsort((copy, batch, unit.indices, name.indices)))
    names = name.dictionary.to_pylist()
    needed = [c for c in ("task", "output", "record_id", *_SIGNATURES) if c in table.column_names]
    columns = {column: table[column].take(order).to_pylist() for column in needed}
    labels: Iterable[Sequence[str]] = columns.get("labels", repeat(()))
    shown: Iterable[Sequence[str]] = repeat(())
    if "instruction" in columns:
        shown = map(_shown, columns["task"], columns["instruction"])
    answers = zip(*(column.take(order).to_pylist() for column in texts), strict=True)
    keys = (name.indices.take(order).to_pylist(), unit.indices.take(order).to_pylist())
    about = zip(columns["output"], answers, labels, shown, columns["record_id"], strict=False)
    for (code, _), rows in groupby(zip(*keys, about, strict=True), key=itemgetter(0, 1)):
        asked = [row for _, _, row in rows]
        groups = [groups[names[code]] for groups in models]
        counts = [
            add_record(group, [Row(gold, given[n], *rest) for gold, given, *rest in asked], options)
            for n, group in enumerate(groups)
        ]
        if len(counts) > 1:
            for pairs, pair in zip(groups[0].pairs, zip(*counts, strict=True), strict=True):
                pairs[pair] += 1


def _shown(task: str, instruction: str) -> list[str]:
    """The names of the labels in the output, where they differ from their keys (SPO); else none."""
    if task != "SPO":
        return []
    return [item["predicate"] for item in orjson.loads(instruction)["schema"]]


def _scores(asked: Mapping[str, Group], left_out: Counter[str], options: Options) -> dict[str, Any]:
    """The result of the command: an entry per group, and sums per task and split."""
    groups = {name: group for name, group in asked.items() if group.rows["rows"]}
    totals = defaultdict[tuple[str, str, str], list[Group]](list)
    languages = defaultdict[tuple[str, str, str], list[Group]](list)
    entries: list[dict[str, Any]] = []
    for name in sorted(groups, key=lambda n: (TASKS.index(n.partition("/")[0]), n)):
        task, dataset, split = name.split("/")
        group = groups[name]
        use = "all held-out" if group.config.startswith("heldout-") else "all"
        language = group.config.rpartition("-")[2]
        totals[task, use, split].append(group)
        languages[task, f"{use}, {language}", split].append(group)
        about = {"task": task, "dataset": dataset, "split": split, "language": language}
        entries += [{**about, **entry} for entry in result(name, group, options)]
    return {
        "options": options._asdict(),
        "account": _account(groups, left_out),
        "scores": entries,
        "totals": [*_sums(totals, options)],
        "languages": [*_sums(languages, options)],
    }


def _sums(
    parts: Mapping[tuple[str, str, str], Sequence[Group]], options: Options
) -> Iterator[dict[str, Any]]:
    """The results of several groups together; macro F1 is then the mean over datasets."""
    for (task, use, split), groups in parts.items():
        about = {"task": task, "dataset": use, "split": split, "datasets": len(groups)}
        results = result(f"{task}/{use}/{split}", together(groups), options)
        for number, entry in enumerate(results):
            del entry["labels"]  # a label of one dataset is not that of another
            entry.pop("examples", None)
            scores = [f1_of_measure(group, number) for group in groups]
            yield {**about, **entry, "macro_f1": round(sum(scores) / len(scores), 2)}


def _account(groups: Mapping[str, Group], left_out: Counter[str]) -> dict[str, Any]:
    """How many of the rows to score were answered, missing or unreadable, over all datasets."""
    rows: Counter[str] = Counter()
    unreadable: Counter[str] = Counter()
    for group in groups.values():
        rows.update(group.rows)
        unreadable.update(group.unreadable)
    answered = {n.split("/")[1] for n, g in groups.items() if g.rows["rows"] > g.rows["missing"]}
    datasets = {name.split("/")[1] for name in groups} | {*left_out}
    return {
        "due": rows["rows"] + left_out.total(),
        "answered": rows["rows"] - rows["missing"],
        "missing": rows["missing"],
        "left_out": left_out.total(),
        "unreadable": dict(sorted(unreadable.items())),
        "datasets_without_answers": sorted(datasets - answered),
    }
