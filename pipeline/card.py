"""The dataset card: what `load_dataset` needs to know, and what a reader wants to."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.catalog import Dataset
    from pipeline.config import Settings

_INTRODUCTION = """\
# Schema-based information-extraction instructions

Every row asks a model for a few labels of one text: named entities, relations or events, in
English or Chinese. `instruction` and `output` are JSON strings; `output` has one key per label
asked, in the order of the schema. Labels that do not occur are negatives; those that mean nearly
what a label in the text means are asked more often (hard negatives).
"""


def card(
    datasets: Sequence[Dataset], rows: Mapping[str, int], settings: Settings, corpus_hash: str
) -> str:
    """The text of the corpus' README.md; `rows` are counts per "config/split"."""
    configs: dict[str, dict[str, int]] = {}
    for key, count in rows.items():
        config, _, split = key.partition("/")
        configs.setdefault(config, {})[split] = count
    used = sorted(datasets, key=lambda d: (d.use, d.id))
    lines = ["---", "license: other", "language:", "- en", "- zh", "configs:"]
    everything: dict[str, list[str]] = {}
    for config, splits in configs.items():
        if not config.startswith("heldout-"):
            for split in splits:
                everything.setdefault(split, []).append(f"{config}/{split}-*.parquet")
    if everything:
        lines += ["- config_name: default", "  default: true", "  data_files:"]
        for split in sorted(everything, key=["train", "dev", "test"].index):
            lines += [f"  - split: {split}", "    path:"]
            lines += [f'    - "{pattern}"' for pattern in everything[split]]
    for config, splits in configs.items():
        lines += [f"- config_name: {config}", "  data_files:"]
        for split in splits:
            lines += [f"  - split: {split}", f'    path: "{config}/{split}-*.parquet"']
    lines += ["---", "", _INTRODUCTION]
    lines += ["## Rows", "", "| config | train | dev | test |", "|---|---:|---:|---:|"]
    for config, splits in configs.items():
        cells = (f"{splits.get(s, 0):,}" for s in ("train", "dev", "test"))
        lines.append(f"| {config} | {' | '.join(cells)} |")
    lines += [
        "",
        "## Sources",
        "",
        "The rows of each source stay under its own licence.",
        "",
        "| source | title | tasks | language | use | licence |",
        "|---|---|---|---|---|---|",
    ]
    for d in used:
        license_ = " ".join(d.license.replace("|", "/").split())
        lines.append(
            f"| {d.source} | {d.title} | {', '.join(d.tasks)} | {d.language} | {d.use} "
            f"| {license_} |"
        )
    parameters = msgspec.yaml.encode(msgspec.to_builtins(settings.instruct)).decode()
    lines += [
        "",
        "## How it was made",
        "",
        f"Pipeline version {version('iepile-pipeline')}; sha256 over all shards: `{corpus_hash}`.",
        "",
        "```yaml",
        parameters.rstrip(),
        "```",
    ]
    return "\n".join(lines) + "\n"
