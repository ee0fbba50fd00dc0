"""A small corpus of two datasets in which every text, label and title tries to run a script."""

import msgspec

from pipeline import catalog
from pipeline.clean.stage import clean
from pipeline.config import Clean, Dedupe, Instruct
from pipeline.dedupe.stage import dedupe
from pipeline.execution import shards
from pipeline.instruct.stage import instruct
from pipeline.tables import REJECTS
from tests.conftest import ROOT
from tests.helpers import table

SCRIPT = "<script>window.owned = 1</script>"
IMAGE = '"><img src=x onerror="window.owned = 1">'
STAGES = ("normalize", "clean", "dedupe", "instruct", "negatives")


def dataset(name, language, labels, **more):
    declared = {
        "title": f"{name} {SCRIPT}",
        "source": name,
        "license": f"free {IMAGE}",
        "language": language,
        "domain": "toys",
        "tasks": ["NER"],
        "reader": {"name": "columns"},
        "labels": {"entity": labels},
        "homepage": "javascript:window.owned=1",
        **more,
    }
    made = msgspec.convert(declared, catalog.Dataset)
    made.id = name
    return made


DATASETS = (
    dataset("wan", "zh", [SCRIPT, IMAGE, "地点"]),
    dataset("toy", "en", ["person", "place", "thing"]),
)
TEXTS = {
    ("toy", "train"): [
        (f"Ines saw {SCRIPT} in Oslo", [("Ines", "person"), (SCRIPT, "thing"), ("Oslo", "place")]),
        (f"Oslo has {IMAGE}", [("Oslo", "place")]),
        ("A leak from Bergen", [("Bergen", "place")]),
        ("Twice told by Ada", [("Ada", "person")]),
        ("Twice told by Ada", [("Ada", "person")]),
        ("Told in two ways by Bob", [("Bob", "person")]),
        ("Told in two ways by Bob", [("Bob", "thing")]),
        "1234 5678 !!!",
        "Nobody was there at all yesterday evening",
        (
            "The quick brown fox jumps over the dog by the river that ran through the old city",
            [("river", "place"), ("river", "thing")],
        ),
        "The quick brown fox jumps over the dog by the river that ran through the old citys",
    ],
    ("toy", "test"): [("A leak from Bergen", [("Bergen", "place")])],
    ("wan", "train"): [
        (f"林夏住在雾港{SCRIPT}", [("林夏", SCRIPT), ("雾港", "地点")]),
        (f"雾港的天气很好{IMAGE}", [("雾港", "地点"), ("天气", IMAGE)]),
        "没有人在这里工作",
    ],
}


def planted(folder, shard_rows=100, invented=()):
    """Run the stages over the planted corpus; return stage -> folder."""
    folders = {stage: folder / stage for stage in STAGES}
    for d in DATASETS:
        splits = {}
        for (name, split), texts in TEXTS.items():
            if name == d.id:
                rows = table(*texts, dataset=name, split=split, language=d.language)
                for start in range(0, rows.num_rows, shard_rows):
                    path = folders["normalize"] / name / f"{split}-{start:05d}.parquet"
                    shards.write(rows.slice(start, shard_rows), path)
                splits[split] = {
                    "rows": rows.num_rows + 1,
                    "rejected": 1,
                    "merged_rows": 0,
                    "records": rows.num_rows,
                    "repaired": {"&amp;": 7},
                    "omitted": {"mentions": 5},
                }
        reject = {
            "dataset": d.id,
            "origin": f"a.txt:1 {SCRIPT}",
            "reason": "odd_tag",
            "detail": IMAGE,
            "excerpt": f"{SCRIPT}{IMAGE}",
            **dict.fromkeys(("entities", "relations", "events", "arguments"), 0),
            "records": 1,
        }
        rejects = REJECTS.empty_table().from_pylist(
            [{**reject, "split": split} for split in splits], schema=REJECTS
        )
        shards.write(rejects, folders["normalize"] / d.id / "rejects.parquet")
        edition = {"invented": d.id in invented, "version": ""}
        summary = {"dataset": d.id, "edition": edition, "splits": splits}
        shards.write_json(summary, folders["normalize"] / d.id / "summary.json")
        stop_words = ROOT / "pipeline" / "clean" / "stop_words"
        clean([d], folders["normalize"], Clean(), stop_words, folders["clean"])
    dedupe(DATASETS, folders["clean"], Dedupe(), folders["dedupe"])
    for d in DATASETS:
        labels = d.labels_of("entity")
        near = {
            a: [
                {"label": b, "score": 0.5 if i else None, "signals": {}}
                for i, b in enumerate(labels)
                if b != a
            ]
            for a in labels
        }
        dictionary = {"source": d.source, "tasks": {"NER": near}}
        shards.write_json(dictionary, folders["negatives"] / d.id / "dictionary.json")
        instruct(
            [d],
            folders["clean"],
            folders["dedupe"],
            {d.id: {"NER": {a: [n["label"] for n in own] for a, own in near.items()}}},
            Instruct(),
            folders["instruct"],
        )
    return folders
