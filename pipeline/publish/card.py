"""The dataset card: what `load_dataset` needs to know, and what a reader wants to."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from pipeline.catalog import editions
from pipeline.records import SPLITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pipeline.catalog import Dataset
    from pipeline.config import Instruct, Settings
    from pipeline.publish.lengths import Lengths

_INTRODUCTION = """\
# Schema-based information-extraction instructions

Every row asks a model for a few labels of one text: named entities, relations or events, in
English or Chinese. `instruction` and `output` are JSON strings; `output` has one key per label
asked, in the order of the schema. Labels that do not occur are negatives.

Where a source annotates chosen pairs of a text, an instruction gives the pair (`"pair": [a, b]`, in
text order) and asks about that pair alone; the answers have the form of all relations.
"""
_IN_SETS = """\
## How labels are asked

The labels of a dataset and task are parted, in {ways} ways, into sets of labels that mean nearly
the same: with L labels, n = ceil(L / k) sets of ceil(L / n) labels. k is {most}.
A train row asks one set whole. Which labels stand together does not depend on the text, and every
set is asked equally often, with a positive or without, but for those that nearly always hold one:
the labels of a row do not tell which of them occur. EEA asks the events present alone.

- **Base rates.** In train rows labels are positive more often than in texts, those of one dataset
  and task all by about the same factor: {ratio}.
  Dev and test rows ask every text for all labels, so their rates are those of the texts. Choose
  thresholds, and judge how often a model answers nothing, on dev.
- **Asking a model.** Ask as many labels at a time as its rows do: ceil(L / n) of a schema of L
  labels, in n batches, the last filled up from the first labels. Dev and test are asked so, in the
  declared order. A model that is asked more or fewer at a time is asked what it has not seen.
"""


class Published(NamedTuple):
    """What a config's split became: rows per dataset, and how long they are."""

    rows: dict[str, int]
    lengths: Lengths


def card(
    datasets: Sequence[Dataset],
    made: Mapping[str, Published],
    records: Mapping[str, Any],
    settings: Settings,
    corpus_hash: str,
    invented: Sequence[str],
    code: str,
) -> str:
    """The text of the corpus' README.md.

    `invented` are the ids of the datasets whose texts are.
    `made` is what became of every "config/split"; `records` is, by dataset and split, how many
    records there were, were dropped by each reason, and are kept. `code` is a digest.
    """
    configs: dict[str, dict[str, Published]] = {}
    for key, own in made.items():
        config, _, split = key.partition("/")
        configs.setdefault(config, {})[split] = own
    warning = editions.warning(invented, len(datasets))
    licenses = "The rows of each source stay under its own licence"
    if invented:
        licenses += "; where texts are invented, it is the licence of the real data"
    unit = "characters" if settings.publish.tokenizer is None else "tokens"
    return (
        "\n".join(
            [
                *_front_matter(configs, invented),
                *([f"**{warning}**\n"] if warning else ()),
                _INTRODUCTION,
                *([_in_sets(settings.instruct)] if settings.instruct.in_sets else ()),
                *_section(
                    "Rows",
                    _rows(configs),
                    f"Lengths are in {unit}, instruction and output "
                    f"together{_by(settings)}: median, 95th percentile and longest.",
                ),
                *_section(
                    "Sources",
                    _sources(datasets, invented),
                    f"{licenses}.",
                ),
                *_section(
                    "Records",
                    _records(datasets, made, records),
                    "What became of the records that could be read, and the rows they gave.",
                ),
                *_made(settings, corpus_hash, code),
            ]
        )
        + "\n"
    )


def _in_sets(settings: Instruct) -> str:
    every = settings.labels_per_instruction.items()
    most = ", ".join(f"{k} for {task}" for task, k in every if task != "EEA")
    ratio = settings.pure_negative_ratio
    told = "every text is asked every set"
    if ratio is not None:
        told = (
            f"{ratio:g} rows without a positive for each that has one, where so many can be asked"
        )
    return _IN_SETS.format(ways=settings.ways, most=most, ratio=told)


def _by(settings: Settings) -> str:
    tokenizer = settings.publish.tokenizer
    return "" if tokenizer is None else f", by `{PurePath(tokenizer).name}`"


def _section(title: str, table: Iterable[Sequence[object]], about: str) -> list[str]:
    """A heading, a sentence and a table whose first row are the names of the columns."""
    lines = [f"## {title}", "", about, ""]
    rows = [*table]
    for number, row in enumerate(rows):
        lines.append("| " + " | ".join(map(_cell, row)) + " |")
        if number == 0:
            numbers = (isinstance(c, int) for c in rows[-1])
            lines.append("|" + "".join("---:|" if n else "---|" for n in numbers))
    return [*lines, ""]


def _cell(value: object) -> str:
    """A cell of a table: one line, without what would steer the terminal that shows it."""
    text = f"{value:,}" if isinstance(value, int) else " ".join(str(value).split())
    return "".join(c if c.isprintable() else "·" for c in text.replace("|", "/"))


def _front_matter(
    configs: Mapping[str, Mapping[str, Published]], invented: Sequence[str]
) -> list[str]:
    """The YAML by which `load_dataset` finds the shards."""
    lines = ["---", "license: other", "language:", "- en", "- zh"]
    lines += ["edition:", f"  invented: {msgspec.json.encode(invented).decode()}", "configs:"]
    everything: dict[str, list[str]] = {}
    for config, splits in configs.items():
        if not config.startswith("heldout-"):
            for split in splits:
                everything.setdefault(split, []).append(f"{config}/{split}-*.parquet")
    if everything:
        lines += ["- config_name: default", "  default: true", "  data_files:"]
        for split in sorted(everything, key=SPLITS.index):
            lines += [f"  - split: {split}", "    path:"]
            lines += [f'    - "{pattern}"' for pattern in everything[split]]
    for config, splits in configs.items():
        lines += [f"- config_name: {config}", "  data_files:"]
        for split in splits:
            lines += [f"  - split: {split}", f'    path: "{config}/{split}-*.parquet"']
    return [*lines, "---", ""]


def _rows(configs: Mapping[str, Mapping[str, Published]]) -> Iterator[Sequence[object]]:
    yield ("config", "split", "rows", "total length", "median", "95 %", "longest")
    for config, splits in configs.items():
        for split, own in splits.items():
            yield (config, split, sum(own.rows.values()), *own.lengths)


def _sources(datasets: Sequence[Dataset], invented: Sequence[str]) -> Iterator[Sequence[object]]:
    yield ("source", "title", "texts", "tasks", "language", "use", "licence")
    for d in sorted(datasets, key=lambda d: (d.use, d.id)):
        texts = "invented" if d.id in invented else "real"
        yield (d.source, d.title, texts, ", ".join(d.tasks), d.language, d.use, d.license)


def _records(
    datasets: Sequence[Dataset], made: Mapping[str, Published], records: Mapping[str, Any]
) -> Iterator[Sequence[object]]:
    yield ("source", "split", "records", "dropped", "kept", "rows")
    for d in sorted(datasets, key=lambda d: (d.use, d.id)):
        for split, own in records[d.id].items():
            prefix = "heldout-" if d.use == "held-out" else ""
            keys = [f"{prefix}{task}-{d.language}/{split}" for task in d.tasks]
            rows = sum(made[key].rows.get(d.id, 0) for key in keys if key in made)
            dropped = ", ".join(f"{reason} {n:,}" for reason, n in own["dropped"].items())
            yield (d.source, split, own["records"], dropped or "-", own["kept"], rows)


def _made(settings: Settings, corpus_hash: str, code: str) -> list[str]:
    parameters = msgspec.to_builtins(settings)
    for where in ("raw", "datasets"):
        del parameters[where]
    return [
        "## How it was made",
        "",
        f"Pipeline version {version('iepile-pipeline')}; the digest of its code is `{code}`.",
        f"The sha256 over all shards is `{corpus_hash}`.",
        "",
        "```yaml",
        msgspec.yaml.encode(parameters).decode().rstrip(),
        "```",
    ]
