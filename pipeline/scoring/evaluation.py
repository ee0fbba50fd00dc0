"""Bring a model's answers and the gold of a corpus together, and score them.

All rows of a split are due as soon as one of them is answered, whatever its task and dataset: what
has no answer counts as an empty one. Gold is read in parts by the hash of the record, so that
memory holds the answers, as one Arrow column, and one part of the gold.
"""

from __future__ import annotations

from collections import Counter
from functools import reduce
from itertools import groupby, repeat
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import hashing
from pipeline.errors import RawFileError
from pipeline.negatives import interchange
from pipeline.records import TASKS
from pipeline.scoring.counting import Counts, Group, Options, Row, add_record
from pipeline.scoring.f1 import compared, f1_of_measure, result, together
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


class _Model(NamedTuple):
    """The answers of one model, and what is counted of them."""

    ids: Any
    texts: Any
    #: "<task>/<dataset>/<split>" -> where in `ids` its answers are.
    places: dict[str, Any]
    groups: dict[str, Group]


def score(
    answers: Answers,
    gold: Path,
    options: Options,
    *,
    datasets: Sequence[str] = (),
    partial: bool = False,
    against: Answers | None = None,
    dictionary: Path | None = None,
) -> dict[str, Any]:
    """The scores of every task and dataset of the splits that are answered, and of every task.

    `datasets` are those that are due, all by default. `partial` leaves out the rows of the gold
    that have no answer, instead of counting them. `against` are the answers of another model to
    compare with. `dictionary` is a folder of hard negatives, <dataset>.json, to tell mistakes
    apart. RawFileError where an answer is of no row of the gold, or the gold holds no such
    dataset.
    """
    paths_of_gold = [path for path in files(gold) if path.suffix == ".parquet"]
    if not paths_of_gold:
        todo = "name the folder of a corpus, or one of its shards, with --corpus"
        raise RawFileError("no Parquet shards here", where=gold, todo=todo)
    models = [_model(own) for own in (answers, against) if own is not None]
    due = _due(paths_of_gold, models, gold, datasets)
    found = _Found({}, {}, Counter())
    for paths in _together(due):
        names = sorted({name for path in paths for name in due[path]})
        config = paths[0].parent.name
        found.configs.update(dict.fromkeys(names, config))
        for model in models:
            for name in names:
                task, dataset, _ = name.split("/")
                near = _near(dictionary, dataset).get(task, {}) if options.examples else {}
                model.groups.setdefault(name, Group(task, near))
        positions = [_answers_of(names, model.places) for model in models]
        asked = [model.ids.take(own) for model, own in zip(models, positions, strict=True)]
        total = sum(pq.read_metadata(path).num_rows for path in paths)
        parts = -(-total // _ROWS_PER_PART)
        spo = any(name.startswith("SPO/") for name in names)
        columns = (*_COLUMNS, *(_SIGNATURES if spo else ()))
        for part in range(parts):
            pieces = [t for p in paths for t in _part(p, columns, names, (part, parts))]
            table = pa.concat_tables(pieces)
            at = [pc.index_in(table["id"], value_set=ids).combine_chunks() for ids in asked]
            if partial:
                answered = reduce(pc.or_, map(pc.is_valid, at))
                left_out = table["group"].filter(pc.invert(answered)).to_pylist()
                found.left_out.update(name.split("/")[1] for name in left_out)
                table, at = table.filter(answered), [own.filter(answered) for own in at]
            texts = [
                model.texts.take(pa.array(own).take(index))
                for model, own, index in zip(models, positions, at, strict=True)
            ]
            _add(models, found.pairs, table, texts, options)
    return _scores(models, found, options)


class _Found(NamedTuple):
    """What is known of the rows beside the counts of each model."""

    #: Group -> the folder of the corpus that it is in, "NER-en".
    configs: dict[str, str]
    #: Group -> per measure: how many records have these counts of the one and the other model.
    pairs: dict[str, list[Counter[tuple[Counts, Counts]]]]
    #: Dataset -> rows that `partial` left out.
    left_out: Counter[str]


def _near(dictionary: Path | None, dataset: str) -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Task -> label -> near labels; nothing where the dictionary has no such dataset."""
    path = dictionary / f"{dataset}.json" if dictionary else None
    return interchange.dictionary_of(path) if path and path.is_file() else {}


def _model(answers: Answers) -> _Model:
    ids = answers.ids.combine_chunks()
    return _Model(ids, answers.texts.combine_chunks(), _places(ids), {})


def _places(ids: Any) -> dict[str, Any]:
    """Group -> where in the answers its own are, so that a file is compared with these alone."""
    names = pc.replace_substring_regex(ids, "^(.*)/[^/]*/([^/]*)/[^/]*$", r"\2/\1").fill_null("")
    names = names.dictionary_encode()
    codes = names.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    return dict(zip(names.dictionary.to_pylist(), parts, strict=False))


def _due(
    files: Sequence[Path], models: Sequence[_Model], gold: Path, datasets: Sequence[str]
) -> dict[Path, list[str]]:
    """File -> the groups in it that are due; an answer of no file is an error."""
    splits = {name.rpartition("/")[2] for model in models for name in model.places}
    known = [np.zeros(len(model.ids), bool) for model in models]
    present = set[str]()
    found: dict[Path, list[str]] = {}
    todo = "name a corpus that `iepile publish` wrote with --corpus"
    for path in files:
        with parquet(path) as file:
            columns = file.schema_arrow.names
            if lacking := [n for n in (*_COLUMNS, *_SIGNATURES) if n not in columns]:
                raise RawFileError(f"no column {lacking[0]!r}", where=path, todo=todo)
            table = of_corpus(file.read(["id", "record_id", "task"]))
        names = pc.unique(_names(table)).to_pylist()
        if odd := [name for name in names if name is None or name.count("/") != 2]:
            raise RawFileError(f"these are no rows of a corpus: {odd[0]!r}", where=path, todo=todo)
        present.update(name.split("/")[1] for name in names)
        names = [name for name in names if name.split("/")[2] in splits]
        found[path] = [n for n in names if not datasets or n.split("/")[1] in datasets]
        for model, seen in zip(models, known, strict=True):
            mine = _answers_of(names, model.places)
            at = pc.index_in(table["id"], value_set=model.ids.take(mine))
            seen[mine[pc.drop_null(at).to_numpy()]] = True
    if absent := sorted({*datasets} - present):
        todo = f"it holds {', '.join(sorted(present))}"
        raise RawFileError(f"this gold holds no dataset {absent[0]!r}", where=gold, todo=todo)
    for model, seen in zip(models, known, strict=True):
        if not seen.all():
            strange = model.ids.filter(pa.array(~seen))
            raise RawFileError(
                f"{len(strange)} answers have ids that the gold does not hold, the first is "
                f"{strange[0].as_py()!r}",
                where=gold,
                todo="answer rows of the corpus that --corpus names",
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


def _add(
    models: Sequence[_Model],
    pairs: dict[str, list[Counter[tuple[Counts, Counts]]]],
    table: Any,
    texts: Sequence[Any],
    options: Options,
) -> None:
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
    record_of_row = [
        *zip(name.indices.take(order).to_pylist(), record[order.to_numpy()].tolist(), strict=True)
    ]
    table = table.take(order)
    labels: Iterable[Sequence[str]] = repeat((), table.num_rows)
    shown: Iterable[Sequence[str]] = repeat((), table.num_rows)
    if "instruction" in table.column_names:
        tasks_and_questions = [table[column].to_pylist() for column in ("task", "instruction")]
        labels, shown = table["labels"].to_pylist(), map(_shown, *tasks_and_questions)
    gold = table["output"].to_pylist()
    asked = [*zip(labels, shown, table["record_id"].to_pylist(), strict=True)]
    names = name.dictionary.to_pylist()
    counts: list[list[tuple[str, list[Counts]]]] = []
    for model, own_texts in zip(models, texts, strict=True):
        answers = own_texts.take(order).to_pylist()
        rows = zip(record_of_row, gold, answers, asked, strict=True)
        counts.append(
            [
                (
                    names[code],
                    add_record(
                        model.groups[names[code]],
                        (Row(output, answer, *more) for _, output, answer, more in own),
                        options,
                    ),
                )
                for (code, _), own in groupby(rows, key=itemgetter(0))
            ]
        )
    if len(models) > 1:
        for (group, one), (_, two) in zip(*counts, strict=True):
            own_pairs = pairs.setdefault(group, [Counter() for _ in one])
            for counter, pair in zip(own_pairs, zip(one, two, strict=True), strict=True):
                counter[pair] += 1


def _shown(task: str, instruction: str) -> list[str]:
    """How the output calls the labels of an instruction, where that is not their key."""
    if task != "SPO":
        return []
    return [item["predicate"] for item in orjson.loads(instruction)["schema"]]


def _scores(models: Sequence[_Model], found: _Found, options: Options) -> dict[str, Any]:
    """What the command prints and writes: an entry per group, and sums per task and split."""
    groups = models[0].groups
    ordered = sorted(groups, key=lambda n: (TASKS.index(n.partition("/")[0]), n))
    entries: list[dict[str, Any]] = []
    totals: dict[tuple[str, str, str], list[str]] = {}
    languages: dict[tuple[str, str, str], list[str]] = {}
    for name in ordered:
        if not groups[name].rows["rows"]:
            continue  # all of it left out
        task, dataset, split = name.split("/")
        use = "all held-out" if found.configs[name].startswith("heldout-") else "all"
        language = found.configs[name].rpartition("-")[2]
        totals.setdefault((task, use, split), []).append(name)
        languages.setdefault((task, f"{use}, {language}", split), []).append(name)
        about = {"task": task, "dataset": dataset, "split": split, "language": language}
        entries += [{**about, **own} for own in _results(name, [name], models, found, options)]
    sums = {}
    for title, parts in (("totals", totals), ("languages", languages)):
        sums[title] = [
            {"task": task, "dataset": use, "split": split, "datasets": len(names), **own}
            for (task, use, split), names in parts.items()
            for own in _results(f"{task}/{use}/{split}", names, models, found, options)
        ]
    return {
        "options": options._asdict(),
        "account": _account(groups, found),
        "scores": entries,
        **sums,
    }


def _results(
    title: str,
    names: Sequence[str],
    models: Sequence[_Model],
    found: _Found,
    options: Options,
) -> Iterator[dict[str, Any]]:
    """The results of one group, or of several together, measure by measure."""
    groups = [models[0].groups[name] for name in names]
    whole = groups[0] if len(names) == 1 else together(groups)
    for number, own in enumerate(result(title, whole, options)):
        if "/all" in title:
            del own["labels"]  # a label of one dataset is not that of another
            scores = [f1_of_measure(group, number) for group in groups]
            own.pop("examples", None)
            own["macro_f1"] = round(sum(scores) / len(scores), 2)
        if len(models) > 1:
            pairs: Counter[tuple[Counts, Counts]] = Counter()
            for name in names:
                pairs.update(found.pairs[name][number])
            own["against"] = compared(pairs, options.samples, f"{title}/{own['measure']}")
        yield own


def _account(groups: Mapping[str, Group], found: _Found) -> dict[str, Any]:
    """What became of every row that is due, over all datasets."""
    rows: Counter[str] = Counter()
    unreadable: Counter[str] = Counter()
    for group in groups.values():
        rows.update(group.rows)
        unreadable.update(group.unreadable)
    answered = {n.split("/")[1] for n, g in groups.items() if g.rows["rows"] > g.rows["missing"]}
    datasets = {name.split("/")[1] for name in groups}
    return {
        "due": rows["rows"] + found.left_out.total(),
        "answered": rows["rows"] - rows["missing"],
        "missing": rows["missing"],
        "left_out": found.left_out.total(),
        "unreadable": dict(sorted(unreadable.items())),
        "datasets_without_answers": sorted(datasets - answered),
    }
