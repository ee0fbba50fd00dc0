"""The dataset card: what `load_dataset` needs to know, and what a reader wants to know."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, NamedTuple

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
    """A split of a config, as it was published: rows per dataset, and how long they are."""

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

    `made` is what every "config/split" became. `records` is, by dataset and split, how many records
    there were, how many were dropped for each reason, and how many are kept. `invented` are the ids
    of the datasets whose texts are invented. `code` is the digest of the code.
    """
    configs: dict[str, dict[str, Published]] = {}
    for key, published in made.items():
        config, _, split = key.partition("/")
        configs.setdefault(config, {})[split] = published
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
                *_terms(datasets),
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
    limits = settings.labels_per_instruction.items()
    most = ", ".join(f"{k} for {task}" for task, k in limits if task != "EEA")
    ratio = "every text is asked every set"
    if (n := settings.pure_negative_ratio) is not None:
        ratio = f"{n:g} rows without a positive for each that has one, where so many can be asked"
    return _IN_SETS.format(ways=settings.ways, most=most, ratio=ratio)


def _by(settings: Settings) -> str:
    tokenizer = settings.publish.tokenizer
    return "" if tokenizer is None else f", by `{PurePath(tokenizer).name}`"


def _section(title: str, table: Iterable[Sequence[object]], about: str) -> list[str]:
    """A heading, a sentence, and a table whose first row holds the names of the columns."""
    lines = [f"## {title}", "", about, ""]
    rows = [*table]
    for number, row in enumerate(rows):
        lines.append("| " + " | ".join(map(_cell, row)) + " |")
        if number == 0:
            numbers = (isinstance(c, int) for c in rows[-1])
            lines.append("|" + "".join("---:|" if n else "---|" for n in numbers))
    return [*lines, ""]


def _cell(value: object) -> str:
    """A cell of a table: one line, without characters that would steer a terminal."""
    text = f"{value:,}" if isinstance(value, int) else " ".join(str(value).split())
    return "".join(c if c.isprintable() else "·" for c in text.replace("|", "/"))


def _front_matter(
    configs: Mapping[str, Mapping[str, Published]], invented: Sequence[str]
) -> list[str]:
    """The YAML by which `load_dataset` finds the shards."""
    others = {config.rsplit("-", 1)[-1] for config in configs} - {"en", "zh"}
    languages = [f"- {language}" for language in ("en", "zh", *sorted(others))]
    lines = ["---", "license: other", "language:", *languages]
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
        for split, published in splits.items():
            yield (config, split, sum(published.rows.values()), *published.lengths)


def _sources(datasets: Sequence[Dataset], invented: Sequence[str]) -> Iterator[Sequence[object]]:
    yield ("source", "title", "texts", "tasks", "language", "use", "licence", "quality")
    for d in sorted(datasets, key=lambda d: (d.use, d.id)):
        texts = "invented" if d.id in invented else "real"
        tasks = ", ".join(d.tasks)
        yield (d.source, d.title, texts, tasks, d.language, d.use, d.license, str(d.quality))


#: What a licence asks -> what that means for the whole corpus.
_ASKED: Final[dict[str, str]] = {
    "non-commercial": "not for commercial use",
    "research-only": "for research alone",
    "share-alike": "what is made of it is passed on under the same licence",
    "no-redistribution": "not to be passed on",
    "agreement": "for those alone who have signed the agreement",
}


def _terms(datasets: Sequence[Dataset]) -> list[str]:
    """What this mix may be used for: what any of its sources asks holds for the whole."""
    lines = ["## What it may be used for", ""]
    for restriction, meaning in _ASKED.items():
        if sources := [_cell(d.source) for d in datasets if restriction in d.restrictions]:
            lines.append(f"- {meaning}: {', '.join(sources)}")
    if unstated := [_cell(d.source) for d in datasets if d.license == "unstated"]:
        lines.append(f"- no licence is stated, so ask the authors: {', '.join(unstated)}")
    if not lines[2:]:
        lines.append("No source asks for more than to be named.")
    return [*lines, ""]


def _records(
    datasets: Sequence[Dataset], made: Mapping[str, Published], records: Mapping[str, Any]
) -> Iterator[Sequence[object]]:
    yield ("source", "split", "records", "dropped", "kept", "rows")
    for d in sorted(datasets, key=lambda d: (d.use, d.id)):
        for split, counts in records[d.id].items():
            prefix = "heldout-" if d.use == "held-out" else ""
            keys = [f"{prefix}{task}-{d.language}/{split}" for task in d.tasks]
            rows = sum(made[key].rows.get(d.id, 0) for key in keys if key in made)
            dropped = ", ".join(f"{reason} {n:,}" for reason, n in counts["dropped"].items())
            yield (d.source, split, counts["records"], dropped or "-", counts["kept"], rows)


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
