"""Train and dev texts that share a long n-gram with a test text: found, and dropped only if asked.

Near-duplicates are alike as a whole; here a passage is enough: 13 words in a row, or 20 characters
in scripts without spaces. Case, white space and punctuation do not count. The tests are the test
splits of all datasets, and the files of outside benchmarks that `dedupe.against` names.

Writes `overlap.json` beside the datasets' folders: per split and test how many records share one,
with examples. With `dedupe.overlap: drop` such a record is dropped as `test_passage`; its partner
is the test: `<dataset>/test`, or the path of a file. Memory holds the n-grams of all tests, 12
bytes for each, and a shard.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config import Dedupe
from pipeline.dedupe.duplicates import Group, Plan, one_pass
from pipeline.errors import DeclarationError, explained
from pipeline.execution import shards
from pipeline.execution.engines import Workers
from pipeline.execution.freshness import Done
from pipeline.hashing import mix64
from pipeline.text import characters, like, which

_EXAMPLES: Final = 3
#: The hash of an n-gram, and the number of the test that it is from.
_GRAMS: Final = pa.schema([("gram", pa.uint64()), ("source", pa.int32())])
_ALL: Final = "all.parquet"
_COLUMNS: Final = ("id", "text", "dropped")
#: The ending of a benchmark's file -> the format that it should have.
_FORMATS: Final = {
    ".parquet": "Parquet",
    ".json": "JSON",
    ".jsonl": "JSON lines in UTF-8",
    ".ndjson": "JSON lines in UTF-8",
}
_BASE: Final = 0x9E3779B97F4A7C15


def find(plan: Plan, groups: Sequence[Group], workers: Workers | int = 1) -> None:
    """Report (and drop) the overlaps with tests of what is left in `plan.folder`."""
    files = outside(plan.settings)
    names = [f"{plan.name(n)}/test" for n in range(len(plan.datasets))] + [*map(str, files)]
    parts = one_pass("n-grams of tests", _of_tests, [*enumerate(groups)], plan, workers)
    gram_tables = [shards.read(plan.work / "overlap" / name) for name in parts]
    for number, path in enumerate(files, len(plan.datasets)):
        gram_tables += (_grams(grams, number) for grams in _of_file(path, plan.settings))
    every = pa.concat_tables([_GRAMS.empty_table(), *gram_tables])
    _, first = np.unique(every["gram"].to_numpy(), return_index=True)
    shards.write(every.take(pa.array(first)), plan.work / "overlap" / _ALL)
    job = partial(_overlaps, names=names)
    parts = one_pass("overlaps with tests", job, [*enumerate(groups)], plan, workers)
    report: dict[tuple[str, str, str], dict[str, Any]] = {}
    for dataset, split, other, records, examples in (entry for part in parts for entry in part):
        entry = report.setdefault((dataset, split, other), {"records": 0, "examples": []})
        entry["records"] += records
        entry["examples"] = [*entry["examples"], *examples][:_EXAMPLES]
    settings = plan.settings
    content = {
        "words": settings.overlap_words,
        "characters": settings.overlap_characters,
        "policy": settings.overlap,
        "pairs": [
            {"dataset": dataset, "split": split, "test": other, **report[dataset, split, other]}
            for dataset, split, other in sorted(report)
        ],
    }
    shards.write_json(content, plan.folder / "overlap.json")


def outside(settings: Dedupe) -> list[Path]:
    """Return the files of outside benchmarks, sorted. Raises DeclarationError if one is missing."""
    files: list[Path] = []
    for path in map(Path, settings.against):
        inner = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        if not inner:
            todo = "correct dedupe.against, which names files and folders of texts"
            raise DeclarationError("there is no file of a benchmark", where=path, todo=todo)
        files += inner
    return files


def ngrams(texts: Any, language: str, settings: Dedupe) -> tuple[Any, Any]:
    """Return (hashes of the n-grams of texts in one language, the row of each)."""
    codes, begins = characters(pc.utf8_lower(texts).to_pylist())
    row = np.repeat(np.arange(len(texts)), np.diff(begins))
    inside = which(codes, str.isalnum)
    row, unit = row[inside], mix64(codes[inside])
    if like(language) != "en":
        return _passages(unit, row, settings.overlap_characters)
    # A word is a run of alphanumeric characters: it begins where the character before is none.
    place = np.flatnonzero(inside)
    new = np.ones(len(place), bool)
    new[1:] = (np.diff(place) > 1) | (row[1:] != row[:-1])
    starts = np.flatnonzero(new)
    words = _sums(unit, starts, np.append(starts[1:], len(unit)))
    return _passages(words, row[starts], settings.overlap_words)


def _passages(unit: Any, row: Any, n: int) -> tuple[Any, Any]:
    """Return (hashes of `n` consecutive units of one text, the text of each)."""
    at = np.flatnonzero(row[n - 1 :] == row[: max(0, len(row) - n + 1)])
    return _sums(unit, at, at + n), row[at]


def _sums(unit: Any, starts: Any, ends: Any) -> Any:
    """Return a hash for each span of units: a polynomial in them modulo 2**64."""
    sums = np.zeros(len(unit) + 1, np.uint64)
    np.cumsum(unit * _powers(_BASE, len(unit)), out=sums[1:])
    return mix64(
        (sums[ends] - sums[starts]) * _powers(pow(_BASE, -1, 2**64), len(unit) + 1)[starts]
    )


def _powers(base: int, count: int) -> Any:
    """Return 1, base, base squared, ..., modulo 2**64."""
    factors = np.full(count, base, np.uint64)
    factors[:1] = 1
    return np.cumprod(factors)


def _of_tests(item: tuple[int, Group], plan: Plan) -> Done:
    """First pass: the n-grams of the kept test records of a group of shards."""
    number, group = item
    gram_tables = [_GRAMS.empty_table()]
    for shard in group:
        if shard.split == "test":
            table = plan.tagged(shard, _COLUMNS)
            kept = table.filter(pc.is_null(table["dropped"]))["text"].combine_chunks()
            language = plan.datasets[shard.dataset].language
            gram_tables.append(_grams(ngrams(kept, language, plan.settings)[0], shard.dataset))
    path = plan.work / "overlap" / f"{number:06d}.parquet"
    shards.write(pa.concat_tables(gram_tables), path)
    return Done([path], path.name)


def _grams(grams: Any, source: int) -> Any:
    grams = np.unique(grams)
    return pa.table([grams, np.full(len(grams), source, np.int32)], schema=_GRAMS)


def _of_file(path: Path, settings: Dedupe) -> Iterator[Any]:
    """Yield the n-grams, of words and of characters, of a file in an unknown language."""
    texts = pa.array(_strings_in(path), pa.string())
    for language in ("en", "zh"):
        yield ngrams(texts, language, settings)[0]


def _strings_in(path: Path) -> list[str]:
    """Return all strings of a Parquet or JSON file, or the lines of any other file."""
    try:
        if path.suffix == ".parquet":
            return [*_strings(shards.read(path).to_pylist())]
        content = path.read_bytes()
        if path.suffix == ".json":
            return [*_strings(orjson.loads(content))]
        lines = content.decode("utf-8-sig").splitlines()
        if path.suffix in (".jsonl", ".ndjson"):
            return [*_strings([orjson.loads(line) for line in lines if line.strip()])]
    except (OSError, ValueError, pa.ArrowInvalid) as problem:
        what = f"cannot read a benchmark: it is not {_FORMATS.get(path.suffix, 'text in UTF-8')}"
        todo = "give Parquet, JSON, JSON lines or plain text"
        raise explained(problem, path) or DeclarationError(what, where=path, todo=todo) from None
    return lines


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        inner: Iterable[Any] = value.values() if isinstance(value, dict) else value
        for part in inner:
            yield from _strings(part)


def _overlaps(item: tuple[int, Group], plan: Plan, names: Sequence[str]) -> Done:
    """Second pass: count (and drop, if asked) the records that share an n-gram with a test."""
    _, group = item
    tests = shards.read(plan.work / "overlap" / _ALL)
    every, source = (tests[name].to_numpy() for name in _GRAMS.names)
    files: list[Path] = []
    counts: Counter[tuple[str, str, str]] = Counter()
    examples: dict[tuple[str, str, str], list[str]] = {}
    for shard in group:
        if shard.split == "test" or not len(every):
            continue
        table = plan.tagged(shard, _COLUMNS)
        texts = table["text"].combine_chunks()
        grams, row = ngrams(texts, plan.datasets[shard.dataset].language, plan.settings)
        at = np.minimum(np.searchsorted(every, grams), len(every) - 1)
        # If this step runs a second time, it finds again what it tagged before.
        again = pc.fill_null(pc.equal(table["dropped"], "test_passage"), True)
        stay = again.to_numpy()
        shared = np.flatnonzero((every[at] == grams) & stay[row])
        rows, first = np.unique(row[shared], return_index=True)
        partners = [names[n] for n in source[at[shared[first]]]]
        for record, partner in zip(rows.tolist(), partners, strict=True):
            key = (plan.name(shard.dataset), shard.split, partner)
            counts[key] += 1
            if counts[key] <= _EXAMPLES:
                examples.setdefault(key, []).append(table["id"][record].as_py())
        if plan.settings.overlap == "drop" and len(rows):
            reasons = ["test_passage"] * len(rows)
            files.append(plan.drop(shard, rows, reasons, partners))
    return Done(files, [[*key, n, examples[key]] for key, n in sorted(counts.items())])
