"""Made-up datasets for hostile tests: declared and laid out in a temporary folder, and run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import tomlkit

from pipeline.catalog import raw_files
from pipeline.commands import chain
from pipeline.commands.layout import Workspace
from pipeline.config import Normalize, Settings
from pipeline.execution import engines, shards
from tests.helpers import normalize_one

if TYPE_CHECKING:
    from pathlib import Path

ABOUT = {"license": "CC0", "language": "en", "domain": "toys"}


class Toy(NamedTuple):
    """What a declaration says beyond the usual, and split -> bytes of its file."""

    declared: dict[str, Any]
    files: dict[str, bytes]
    file: str = "{split}.json"


def span_rows(*rows):
    """JSON lines of texts with [(start, end, label), ...], as `span_json` reads them."""
    lines = [
        {"text": text, "entities": [{"start": s, "end": e, "label": k} for s, e, k in spans]}
        for text, spans in rows
    ]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()


def ner(labels, files, **more):
    """A dataset of `span_json`."""
    about = {"tasks": ["NER"], "reader": {"name": "span_json"}, "labels": {"entity": labels}}
    return Toy({**about, **more}, files)


def lay_out(root: Path, toys: dict[str, Toy], **settings: Any) -> Workspace:
    """Declare every toy and put its files into a raw folder with a manifest."""
    declarations = root / "catalog"
    for name, toy in toys.items():
        declared = {"title": name, "source": name, **ABOUT} | toy.declared
        shards.write_text(tomlkit.dumps(declared), declarations / f"{name}.toml")
        splits = {}
        for split, content in toy.files.items():
            path = root / "raw" / name / toy.file.format(split=split)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            splits[split] = {"files": [{"path": path.name}]}
        manifest = tomlkit.dumps({"splits": splits})
        shards.write_text(manifest, root / "raw" / name / "manifest.toml")
    return Workspace(
        settings=Settings(**settings),
        raw=root / "raw",
        out=root / "out",
        workers=engines.Workers(1),
        declarations=declarations,
    )


def made(root: Path, toys: dict[str, Toy], **settings: Any) -> tuple[Workspace, Any]:
    """The workspace after all stages, and what the report counted."""
    ws = lay_out(root, toys, **settings)
    return ws, chain.everything([*toys], ws)


def normalized(root: Path, toy: Toy, settings: Normalize | None = None) -> Any:
    """The summary of one toy's normalize, with its kept rows and rejects by split."""
    ws = lay_out(root, {"toy": toy})
    dataset = ws.dataset("toy")
    folder, manifest = raw_files.edition(dataset, ws.raw)
    return normalize_one(
        dataset, folder, manifest, settings or Normalize(max_reject_rate=1), ws.out
    )


def records(ws: Workspace, name: str, stage: str = "clean") -> list[dict[str, Any]]:
    """All rows that a stage wrote of a dataset."""
    folder = ws.folders[stage] / name
    return [
        row
        for path in shards.listed(folder, "t*-*.parquet")
        for row in pq.read_table(path).to_pylist()
    ]


def instructions(ws: Workspace, name: str, task: str, split: str = "*") -> list[dict[str, Any]]:
    """The instructions of a dataset, with `instruction` and `output` parsed."""
    paths = sorted((ws.folders["instruct"] / name / task).glob(f"{split}-*.parquet"))
    rows = pa.concat_tables([pq.read_table(p) for p in paths]).to_pylist()
    parsed = ("instruction", "output")
    return [{k: json.loads(v) if k in parsed else v for k, v in row.items()} for row in rows]
