"""The dataset card: what `load_dataset` and the Hub need to know, and what a reader wants to know.

`card.md` and `sets.md` hold the words that are the same in every card.
"""

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any, Final, NamedTuple

import msgspec
import orjson

from pipeline.catalog import Dataset, editions
from pipeline.config import Settings
from pipeline.publish.lengths import Lengths
from pipeline.records import SPLITS
from pipeline.tables import INSTRUCTIONS
from pipeline.text import visible, without

_LANGUAGES: Final = {"en": "English", "zh": "Chinese"}
#: The Hub's classes of size, by the digits of the number of rows, from four digits on.
_SIZES: Final = ("1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B")


class Published(NamedTuple):
    """A split of a config, as it was published."""

    rows: dict[str, int]  #: by dataset
    lengths: Lengths
    bytes: int = 0  #: of its rows
    stored: int = 0  #: of its files


def card(
    datasets: Sequence[Dataset],
    made: Mapping[str, Published],
    records: Mapping[str, Any],
    settings: Settings,
    corpus_hash: str,
    edition: Mapping[str, Any],
    code: str,
    example: Mapping[str, Any] | None = None,
) -> str:
    """The text of the corpus' README.md.

    `made` is what every "config/split" became. `records` is, by dataset and split, how many records
    there were, how many were dropped for each reason, and how many are kept. `edition` is what
    `editions.used` returns. `code` is the digest of the code, `example` a row.
    """
    all_invented = len(edition["invented"]) == len(datasets)
    name = "Schema-based information-extraction instructions"
    name += " (sample: invented text)" if all_invented else ""
    tokenizer, asking = settings.publish.tokenizer, settings.instruct
    limits, tasks = asking.labels_per_instruction.items(), {t for d in datasets for t in d.tasks}
    ratio = "every text is asked every set"
    if (n := asking.pure_negative_ratio) is not None:
        ratio = f"{n:g} rows without a positive for each that has one, where so many can be asked"
    parameters = msgspec.to_builtins(settings)
    for where in ("raw", "datasets"):
        del parameters[where]
    config, _, split = next(iter(made), "NER-en/train").partition("/")
    body = _template().render(
        name=name,
        warning=editions.warning(edition["invented"], len(datasets)),
        languages=" and ".join(_LANGUAGES.get(g, g) for g in _languages(datasets)),
        config=config,
        split=split,
        example=example and visible(orjson.dumps(example, option=orjson.OPT_INDENT_2).decode()),
        asking=asking,
        most=", ".join(f"{k} for {task}" for task, k in limits if task != "EEA" and task in tasks),
        ratio=ratio,
        unit="characters" if tokenizer is None else f"tokens of `{PurePath(tokenizer).name}`",
        made=made,
        datasets=sorted(datasets, key=lambda d: (d.use, d.id)),
        edition=edition,
        texts=editions.in_words,
        terms="\n".join(_terms(datasets)),
        all_invented=all_invented,
        records=_records(datasets, made, records),
        dropped=lambda reasons: ", ".join(f"{why} {n:,}" for why, n in reasons.items()) or "-",
        version=version("iepile-pipeline"),
        code=code,
        corpus_hash=corpus_hash,
        parameters=msgspec.yaml.encode(parameters).decode().rstrip(),
    )
    return f"---\n{_front_matter(datasets, made, edition['invented'], name)}---\n\n{body}\n"


def _template() -> Any:
    """`card.md`; all that is put into it becomes a cell, but for what is marked as safe."""
    from jinja2 import Environment, FileSystemLoader
    from markupsafe import Markup

    environment = Environment(  # noqa: S701 - Markdown
        loader=FileSystemLoader(Path(__file__).parent),
        finalize=lambda value: value if isinstance(value, Markup) else _cell(value),
        trim_blocks=True,
    )
    return environment.get_template("card.md")


def _languages(datasets: Sequence[Dataset]) -> list[str]:
    return sorted({d.language for d in datasets}, key=lambda g: (g not in _LANGUAGES, g))


def _cell(value: object) -> str:
    """A cell of a table: one line, without characters that would steer a terminal."""
    text = f"{value:,}" if isinstance(value, int) else " ".join(str(value).split())
    return "".join(c if c.isprintable() else "·" for c in text.replace("|", "/"))


def _front_matter(
    datasets: Sequence[Dataset], made: Mapping[str, Published], invented: Sequence[str], name: str
) -> str:
    """The YAML by which the Hub describes a dataset and `load_dataset` finds the shards."""
    with without("trio"):  # 0.1 seconds, for a server that is not asked
        from datasets import DatasetInfo, Features
        from datasets.info import DatasetInfosDict
        from datasets.splits import SplitDict, SplitInfo
        from huggingface_hub import DatasetCardData

    configs: dict[str, dict[str, Published]] = {}
    for key, published in made.items():
        config, _, split = key.partition("/")
        configs.setdefault(config, {})[split] = published
    # Name -> the configs that it holds.
    held = {config: [config] for config in configs}
    if default := [config for config in configs if not config.startswith("heldout-")]:
        held = {"default": default, **held}
    rows = sum(sum(published.rows.values()) for published in made.values())
    tasks = {task for d in datasets for task in d.tasks}
    data = DatasetCardData(
        pretty_name=name,
        language=_languages(datasets),
        license="other",
        license_name="licenses-of-the-sources",
        license_link="README.md",
        size_categories="n<1K" if rows < 1000 else _SIZES[min(len(str(rows)) - 4, 5)],
        task_categories=["text-generation", "token-classification"],
        tags=[
            *("information-extraction", "instruction-tuning", *sorted(tasks)),
            *(["invented-text"] if invented else []),
        ],
        edition={"invented": [*invented]},
        configs=[
            {
                "config_name": name,
                **({"default": True} if name == "default" else {}),
                "data_files": [
                    {"split": split, "path": paths}
                    for split in SPLITS
                    if (paths := [f"{c}/{split}-*.parquet" for c in members if split in configs[c]])
                ],
            }
            for name, members in held.items()
        ],
    )
    infos = {
        config: DatasetInfo(
            features=Features.from_arrow_schema(INSTRUCTIONS),
            splits=SplitDict(
                {
                    split: SplitInfo(split, published.bytes, sum(published.rows.values()))
                    for split, published in splits.items()
                }
            ),
            download_size=sum(published.stored for published in splits.values()),
            dataset_size=sum(published.bytes for published in splits.values()),
        )
        for config, splits in configs.items()
    }
    DatasetInfosDict(infos).to_dataset_card_data(data)
    return f"{data.to_yaml()}\n"


#: What a license asks -> what that means for the whole corpus.
_ASKED: Final[dict[str, str]] = {
    "non-commercial": "not for commercial use",
    "research-only": "for research alone",
    "share-alike": "what is made of it is passed on under the same license",
    "no-redistribution": "not to be passed on",
    "agreement": "for those alone who have signed the agreement",
}


def _terms(datasets: Sequence[Dataset]) -> list[str]:
    """What this mix may be used for: what any of its sources asks holds for the whole."""
    lines = []
    for restriction, meaning in _ASKED.items():
        if sources := [_cell(d.source) for d in datasets if restriction in d.restrictions]:
            lines.append(f"- {meaning}: {', '.join(sources)}")
    if unstated := [_cell(d.source) for d in datasets if d.license == "unstated"]:
        lines.append(f"- no license is stated, so ask the authors: {', '.join(unstated)}")
    return lines or ["No source asks for more than to be named."]


def _records(
    datasets: Sequence[Dataset], made: Mapping[str, Published], records: Mapping[str, Any]
) -> Iterator[tuple[str, str, Any, int]]:
    """(source, split, what became of its records, the rows that they gave)."""
    for d in sorted(datasets, key=lambda d: (d.use, d.id)):
        for split, counts in records[d.id].items():
            prefix = "heldout-" if d.use == "held-out" else ""
            keys = [f"{prefix}{task}-{d.language}/{split}" for task in d.tasks]
            rows = sum(made[key].rows.get(d.id, 0) for key in keys if key in made)
            yield d.source, split, counts, rows
