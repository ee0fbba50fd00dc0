"""What is fuzzed: each target takes one input, and raises where the project breaks its word.

Whatever the bytes are, a `PipelineError` with words or counted rejects may come of them, nothing
else; records are sound; what went in is what came out and what was rejected.
"""

import bz2
import contextlib
import gzip
import itertools
import json
import lzma
import os
import random
import re
import shutil
import tarfile
import tempfile
import zipfile
from collections import Counter
from functools import cache, partial
from io import BytesIO
from pathlib import Path

import msgspec
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import catalog, config, tasks
from pipeline.adding import importing
from pipeline.adding.evidence import UNKNOWN
from pipeline.catalog import raw_files
from pipeline.errors import PipelineError
from pipeline.execution import shards
from pipeline.fetching import archives
from pipeline.negatives import interchange
from pipeline.negatives.overrides import Overrides
from pipeline.normalize.account import Tally
from pipeline.records import TASKS, Reject
from pipeline.scoring import evaluation, predictions
from pipeline.scoring.counting import Group, Options, Row, add_record
from pipeline.scoring.f1 import result
from pipeline.scoring.parsing import parse
from pipeline.tables import INSTRUCTIONS
from tests import promises
from tests.conftest import ROOT
from tests.fuzz.mutation import pack, unpack
from tests.helpers import normalize_one
from tests.invariants.demands import demand

IDS = catalog.ids()
#: No file of an input is longer when fuzzing begins.
_LONGEST = 6_000
#: Windows of text, shards and rejects are none of the matter here.
_SETTINGS = config.Normalize(max_reject_rate=1)


@contextlib.contextmanager
def only_errors_with_words():
    """A `PipelineError` is an answer, if it says what, and where or what to do."""
    try:
        yield
    except PipelineError as problem:
        promises.explained(problem)


class Folder:
    """A folder in memory that holds the files of one input at a time."""

    def __init__(self):
        shared = Path("/dev/shm")
        at = shared if os.access(shared, os.W_OK) else None
        self.root = Path(tempfile.mkdtemp(prefix="iepile-fuzz-", dir=at))

    def fresh(self, files=()):
        """Empty it, and write files whose names stay inside."""
        shutil.rmtree(self.root)
        self.root.mkdir()
        for name, data in dict(files).items():
            path = self.root / name
            if path.resolve().is_relative_to(self.root.resolve()) and path != self.root:
                with contextlib.suppress(OSError, ValueError):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(data)
        return self.root


FOLDER = Folder()


# The readers


def _editions():
    """(dataset, raw folder, manifest) of the samples, and of the real files that IEPILE_RAW has."""
    for name in IDS:
        dataset = catalog.load(name)
        yield dataset, *raw_files.edition(dataset, ROOT / "raw" / "sample")
        if real := os.environ.get("IEPILE_RAW"):
            folder, manifest = raw_files.edition(dataset, Path(real), ROOT / "tests/real/manifests")
            if raw_files.present(folder, manifest):
                yield dataset, folder, manifest


def reader_seeds():
    """For every dataset the beginning of each split, of the sample and of real files."""
    for dataset, folder, manifest in _editions():
        for split in manifest.splits.values():
            if not all((folder / file.path).exists() for file in split.files):
                continue
            files, declared = {}, []
            for file in split.files[:3]:
                path = folder / file.path
                declared.append(file.path)
                files |= {p.relative_to(folder).as_posix(): _head(p) for p in _documents(path)}
            if sum(map(len, files.values())) <= 6 * _LONGEST:
                yield pack("\t".join([dataset.id, *declared]), files)


def _documents(path):
    """The file with what belongs to it, or of a folder the files of its first two documents."""
    if not path.is_dir():
        return [path, *path.parent.glob(f"{path.name.partition('.apf.')[0]}.sgm")]
    inner = sorted(p for p in path.rglob("*") if p.is_file())
    stems = [*dict.fromkeys((p.parent, p.name.partition(".")[0]) for p in inner)][:2]
    return [p for p in inner if (p.parent, p.name.partition(".")[0]) in stems]


def _head(path):
    """The beginning of a file, whole lines or whole elements of a JSON document."""
    if path.stat().st_size <= _LONGEST or path.suffix == ".xml":
        return path.read_bytes()
    with path.open("rb") as stream:
        head = stream.readline() + stream.read(_LONGEST)
    if head.lstrip()[:1] in (b"[", b"{"):
        with contextlib.suppress(ValueError):
            value = json.loads(path.read_bytes())
            if isinstance(value, dict):
                value = {k: v[:2] if isinstance(v, list) else v for k, v in [*value.items()][:3]}
            else:
                value = value[:3] if len(json.dumps(value[:3])) < _LONGEST else value[:1]
            return json.dumps(value, ensure_ascii=False).encode()
    return head[: head.rfind(b"\n") + 1] or head


def readers(data):
    """Read files with the reader of a dataset, as `normalize` does."""
    subject, files = unpack(data)
    name, *declared = subject.split("\t")
    if name not in IDS:
        return
    folder = FOLDER.fresh(files)
    inside = [d for d in declared if d and _inside(folder, d)]
    seen = read_all(catalog.load(name), [folder / d for d in inside])
    wanted = [_rows(*file) for file in files.items()]
    if name in _row_by_row() and [*files] == declared and None not in wanted and seen is not None:
        found = len({item.origin.partition("#")[0] for item in seen})
        demand(found == sum(wanted), f"pieces of {found} of {sum(wanted)} rows")


@cache
def _row_by_row():
    """The datasets of which every row of JSON, or line, becomes a piece of its own at least."""
    good, bad = set(), set()
    for seed in reader_seeds():
        subject, files = unpack(seed)
        name, *declared = subject.split("\t")
        folder = FOLDER.fresh(files)
        items = catalog.reader(catalog.load(name))([folder / d for d in declared])
        found = {item.origin.partition("#")[0] for item in items}
        same = [*files] == declared and len(found) == sum(_rows(*file) for file in files.items())
        same &= all(":" in origin for origin in found)
        (good if same else bad).add(name)
    return good - bad


def _rows(name, content):
    """How many rows a file holds: elements of a JSON array, else lines."""
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    if ".json" in name and text.lstrip()[:1] == "[":
        with contextlib.suppress(ValueError):
            return len(orjson.loads(text))
        return None
    return sum(1 for line in text.split("\n") if line.strip())


def _inside(folder, path):
    with contextlib.suppress(ValueError, OSError):
        return (folder / path).resolve().is_relative_to(folder.resolve())
    return False


def read_all(dataset, paths):
    """Read a split and store it, and account for every piece; return the pieces, if it is read."""
    with only_errors_with_words():
        reading = promises.read(dataset, paths)
        promises.stored(dataset, reading.records, reading.rejects, paths)
        return reading.pieces
    return None


# The catalog, manifests, parameters and overrides

_WORDS = re.compile(rb"[A-Za-z_0-9.-]{2,}")


def catalog_seeds():
    for path in sorted(raw_files.CATALOG.glob("*.toml")):
        if path.stat().st_size < _LONGEST:
            yield pack("dataset", {"x.toml": path.read_bytes()})
    for path in sorted((ROOT / "raw/sample").glob("*/manifest.toml")):
        yield pack(f"manifest\t{path.parent.name}", {"manifest.toml": path.read_bytes()})
    for path in sorted((ROOT / "tests/real/manifests").glob("*.toml")):
        yield pack(f"manifest\t{path.stem}", {"manifest.toml": path.read_bytes()})
    params = (ROOT / "params.yaml").read_bytes()
    yield pack("params", {"params.yaml": params})
    yield pack("params", {"params.yaml": params.split(b"datasets:")[0]})
    yield pack("params", {"params.yaml": b"raw: raw/sample\ndatasets: [msra]\n"})
    overrides = (ROOT / "dictionaries/overrides.toml").read_bytes()
    link = b'[[link]]\ndataset = "wnut2017"\ntask = "NER"\nlabel = "group"\n'
    yield pack("overrides", {"overrides.toml": overrides})
    link += b'add = ["corporation"]\nremove = ["product"]\nreason = "both"\n'
    yield pack("overrides", {"overrides.toml": link})


def declarations(data):
    """Load a file of settings, and use what it says."""
    subject, files = unpack(data)
    kind, _, name = subject.partition("\t")
    for content in files.values():
        folder = FOLDER.fresh()
        with only_errors_with_words():
            {
                "dataset": _dataset,
                "manifest": _manifest,
                "params": _params,
                "overrides": _overrides,
            }.get(kind, _dataset)(folder, content, name)


def _dataset(folder, content, name):
    (folder / "x.toml").write_bytes(content)
    dataset = catalog.read.__wrapped__(folder / "x.toml", "none" if name else None)
    for task in dataset.tasks:
        keys = tasks.inventory(dataset, task)
        demand(keys and len({*keys}) == len(keys), f"an odd inventory of {task}: {keys!r:.100}")
        json.dumps(tasks.schemas(dataset, task))
    dataset.roles_of()
    for split in dataset.splits.values():
        for file in split.files:
            demand(_inside(folder, file.path), f"{file.path!r} leads outside")
    example = _EXAMPLES.setdefault(dataset.reader["name"], _example(dataset.reader["name"]))
    raw, split = example
    read_all(dataset, [raw / file.path for file in split.files])


_EXAMPLES = {}


def _example(reader):
    """(raw folder, split) of a sample that a reader reads."""
    for name in IDS:
        dataset = catalog.load(name)
        if dataset.reader["name"] == reader:
            raw, manifest = raw_files.edition(dataset, ROOT / "raw" / "sample")
            return raw, min(manifest.splits.values(), key=lambda s: len(s.files))
    return None, catalog.Split([])


def _manifest(folder, content, name):
    name = name if name in IDS else "wnut2017"
    dataset = catalog.load(name)
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "manifest.toml").write_bytes(content)
    raw, manifest = raw_files.edition(dataset, folder)
    demand(_inside(folder, raw), f"{raw} leads outside")
    raw_files.present(raw, manifest)
    for split in manifest.splits.values():
        for file in split.files:
            demand(_inside(folder, raw / file.path), f"{file.path!r} leads outside")
        for problem in raw_files.faults(raw, split):
            str(problem)
        Tally(dataset, Counter()).miscounts(split)
        list(raw_files.documents_of(iter([Reject("x", "y")]), split))


def _params(folder, content, name):
    del name
    (folder / "params.yaml").write_bytes(content)
    settings = config.load(folder / "params.yaml")
    for task in TASKS:
        demand(settings.instruct.k(task) >= 1, f"k of {task}")
    for dataset in settings.datasets:
        with only_errors_with_words():
            catalog.load(dataset, None, settings.no_relation_label)
            demand(_inside(folder, folder / dataset), f"{dataset!r} leads outside")


def _overrides(folder, content, name):
    del name
    (folder / "overrides.toml").write_bytes(content)
    overrides = Overrides.read(folder / "overrides.toml")
    for task, label in (("NER", "group"), ("NER", "person")):
        near = {x: [] for x in ("group", "corporation", "product", label)}
        overrides.applied(catalog.load("wnut2017"), task, near)


# The answers of models

GOLD = {
    "NER": {"person": ["Ada", "Bo"], "place": []},
    "RE": {"born in": [{"subject": "Ada", "object": "Oslo"}], "works for": []},
    "SPO": {"国籍": [{"subject": "林夏", "object": "中国"}], "作者": []},
    "EE": {"merger": [{"trigger": "buys", "arguments": {"Buyer": "V", "Price": ["1", "2"]}}]},
    "EET": {"merger": ["buys"], "attack": []},
    "EEA": {"merger": [{"trigger": "buys", "arguments": {"Buyer": "V", "Price": "NAN"}}]},
    "KG": {"人物": {"林夏": {"国籍": "中国", "院校": ["甲", "乙"]}}},
}
_IDS = [f"toy/test/{n}/{task}/0" for task in GOLD for n in range(2)]


def answer_seeds():
    for task, gold in GOLD.items():
        for text in (
            json.dumps(gold, ensure_ascii=False),
            json.dumps(gold),
            repr(gold),
            f"<think>hm {{</think>```json\n{json.dumps(gold, indent=1)}\n``` ok {{}}",
            "{“person”: [“Ada”,], 'x': ['O'Neil', \"D'Arcy\"], \"n\": -1.5e3, 'y': None}",
        ):
            yield pack(task, {"answer": text.encode()})
    rows = [
        {"id": i, "prediction": json.dumps(GOLD[i.split("/")[3]], ensure_ascii=False)} for i in _IDS
    ]
    lines = "\n".join(json.dumps(row) for row in rows)
    yield pack("predictions", {"a.jsonl": lines.encode()})
    yield pack("predictions", {"a.json": json.dumps(rows).encode()})
    yield pack("predictions", {"a.jsonl": lines.replace("prediction", "output").encode()})
    shard = BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), shard, compression="none")
    yield pack("predictions", {"a.parquet": shard.getvalue()})


def answers(data):
    """Read and score what a model wrote."""
    subject, files = unpack(data)
    for name, content in files.items():
        if subject == "predictions":
            _predictions(name, content)
        else:
            _answer(subject if subject in GOLD else "NER", content)


def _answer(task, content):
    # What `orjson` and Arrow give is sound text, but a parser may be handed half a character.
    text = content.decode("utf-8", "surrogateescape" if len(content) % 2 else "replace")
    gold = GOLD[task]
    parsed = parse(text, gold)
    if parsed is not None:
        demand(isinstance(parsed.value, dict), "no object")
        demand(all(isinstance(key, str) for key in parsed.value), "keys that are no strings")
    with contextlib.suppress(ValueError, RecursionError):
        value = json.loads(text)
        if isinstance(value, dict) and text:
            demand(parsed is not None and parsed.strict, "JSON is not read as JSON")
    for match, normal in itertools.product(("multiset", "set"), (False, True)):
        group, options = Group(task), Options(match, normal, 0)
        spelled = json.dumps(gold, ensure_ascii=False)
        labels = [*gold] if task == "SPO" else ()
        add_record(group, [Row(spelled, text, labels, labels)] * 2, options)
        add_record(group, [Row(spelled, spelled, labels, labels)], options)
        for own in result(f"{task}/toy/test", group, options):
            demand(0 < own["correct"] <= min(own["predicted"], own["gold"]), "odd counts")
            demand(own["rows"] == 3, "rows are lost")
            json.dumps(own, allow_nan=False)


def _predictions(name, content):
    suffix = Path(name).suffix
    folder = FOLDER.fresh({f"a{suffix}": content})
    with only_errors_with_words():
        read = predictions.read(folder / f"a{suffix}")
        demand(len(read.ids) == len(read.texts), "answers without ids")
        options = Options(samples=0)
        shards.write(_gold(), folder / "gold" / "test-00000-of-00001.parquet")
        scores = evaluation.score(read, folder / "gold", options, partial=len(content) % 2 == 0)
        for own in scores["scores"]:
            demand(own["rows"] >= 1, "a score of no rows")
        shards.write_json(scores, folder / "scores.json")


def _gold():
    rows = [
        {
            "task": task,
            "source": "Toy",
            "instruction": json.dumps({"schema": [{"predicate": key} for key in GOLD[task]]}),
            "output": json.dumps(GOLD[task], ensure_ascii=False),
            "id": f"toy/test/{n}/{task}/0",
            "record_id": f"toy/test/{n}",
            "language": "en",
            "split": "test",
            "labels": [*GOLD[task]],
            "n_positive": 1,
            "n_hard": 0,
            "n_other": 0,
        }
        for task in GOLD
        for n in range(2)
    ]
    return pa.Table.from_pylist(rows, schema=INSTRUCTIONS)


# The importer

_ROWS = {
    "NER": [
        {"text": "Ada met Bo in Oslo", "entity": [
            {"entity": "Ada", "entity_type": "person"}, {"entity": "Oslo", "entity_type": "place"},
        ]},
        {"text": "Nobody was there", "entity": []},
    ],
    "RE": [
        {"text": "Ada was born in Oslo", "relation": [
            {"head": "Ada", "head_type": "person", "relation": "born in",
             "tail": "Oslo", "tail_type": "place"},
        ]},
    ],
    "EE": [
        {"text": "V buys W for 1", "event": [
            {"event_trigger": "buys", "event_type": "merger", "arguments": [
                {"argument": "V", "role": "buyer"}, {"argument": "1", "role": "price"},
            ]},
        ]},
    ],
}  # fmt: skip
_SCHEMAS = {
    "NER": [["person", "place"], [], {}],
    "RE": [["person", "place"], ["born in"], {"person": ["born in"]}],
    "SPO": [["person", "place"], ["person_born in_place"], {"person": ["born in"]}],
    "KG": [["person"], ["born in"], {"person": ["born in"]}],
    "EE": [["merger"], ["buyer", "price"], {"merger": ["buyer", "price"]}],
}


def importer_seeds():
    for task, schema in _SCHEMAS.items():
        rows = _ROWS.get(task, _ROWS["RE"])
        lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()
        described = "\n".join(map(json.dumps, schema)).encode()
        for told in ("", task):
            yield pack(f"import\t{told}", {"train.json": lines, "schema.json": described})
    array = json.dumps(_ROWS["NER"] + _ROWS["RE"] + _ROWS["EE"]).encode()
    files = {"train.json": array, "test.json": array, "schema.json": described}
    yield pack("import\t", files)


def importers(data):
    """Import a folder; what the importer accepts, `normalize` must read as it was counted."""
    subject, files = unpack(data)
    task = subject.partition("\t")[2]
    names = [*TASKS]
    told = (task,) if task in names else ()
    folder = FOLDER.fresh({f"in/{name}": content for name, content in files.items()})
    declared, raw = folder / "catalog", folder / "raw"
    declared.mkdir()
    counts = None
    with only_errors_with_words():
        wanted = msgspec.structs.replace(UNKNOWN, id="x", tasks=[*told])
        counts = importing.run(folder / "in", wanted, raw, declared)
    if counts is None:
        demand(not (raw / "x").exists(), "a raw folder of nothing")
        demand(not [*declared.iterdir()], "a declaration of nothing")
        return
    dataset = catalog.read.__wrapped__(declared / "x.toml")
    with (declared / "x.toml").open("rb") as stream:
        demand(stream.read(), "an empty declaration")
    where, manifest = raw_files.edition(dataset, raw)
    summary = normalize_one(dataset, where, manifest, _SETTINGS, folder / "out")
    rows = sum(split["rows"] for split in summary["splits"].values())
    demand(rows == counts["records"], f"{rows} rows read, {counts['records']} counted")
    for name in manifest.splits:
        read_all(dataset, [where / file.path for file in manifest.splits[name].files])


# Archives and dictionaries of others


def archive_seeds():
    files = {"data/a.txt": b"a" * 200, "data/b/c.txt": bytes(range(256)), "x": b""}
    for pressed in (bytes, partial(gzip.compress, mtime=0), bz2.compress, lzma.compress):
        stream = BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as packed:
            for name, content in files.items():
                item = tarfile.TarInfo(name)
                item.size = len(content)
                packed.addfile(item, BytesIO(content))
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            packed.addfile(link)
        yield pack("archive\tdata", {"a.tar": pressed(stream.getvalue())})
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA):
        stream = BytesIO()
        with zipfile.ZipFile(stream, "w") as packed:
            for name, content in files.items():
                # Without a date of its own it has always the same.
                packed.writestr(zipfile.ZipInfo(name), content, method)
        yield pack("archive\tdata", {"a.zip": stream.getvalue()})
    for name in ("hard_negatives.json", "hard_negatives/wnut2017.json"):
        content = (ROOT / "dictionaries" / name).read_bytes()
        if len(content) > _LONGEST:
            whole = json.loads(content)
            cut = {t: dict([*own.items()][:2]) for t, own in whole.items()}
            content = json.dumps(cut, ensure_ascii=False).encode()
        yield pack("dictionary", {"a.json": content})


def archives_and_dictionaries(data):
    """Unpack an archive, or use a dictionary of someone else."""
    subject, files = unpack(data)
    kind, _, member = subject.partition("\t")
    for content in files.values():
        folder = FOLDER.fresh({"a": content})
        with only_errors_with_words():
            if kind == "dictionary":
                _dictionary(folder / "a")
                continue
            archives.unpack(folder / "a", member or "data", folder / "out" / "it", 100_000)
        inside = [p for p in folder.rglob("*") if p.is_file()]
        demand(not any(p.is_symlink() for p in folder.rglob("*")), "a link was made")
        target = folder / "out" / "it"
        beside = [p for p in inside if p != folder / "a" and not p.is_relative_to(target)]
        demand(not beside, f"files outside: {beside}")
        demand(sum(p.stat().st_size for p in inside) <= 100_000 + len(content), "a bomb went off")


def _dictionary(path):
    lists = interchange.read(path)
    dataset = catalog.load("wnut2017")
    found, counts = interchange.imported(lists, dataset, "NER", dataset.labels_of("entity"))
    demand({*found} == {*dataset.labels_of("entity")}, "labels are lost")
    json.dumps(counts)
    interchange.compare(path, path)


#: Name -> (the target, its inputs to begin with).
TARGETS = {
    "readers": (readers, reader_seeds),
    "catalog": (declarations, catalog_seeds),
    "answers": (answers, answer_seeds),
    "importers": (importers, importer_seeds),
    "archives": (archives_and_dictionaries, archive_seeds),
}


def words(seeds, most=4000):
    """The words of a format: those that occur in the inputs to begin with."""
    found = Counter(w for seed in seeds for w in dict.fromkeys(_WORDS.findall(seed)))
    return [word for word, _ in found.most_common(most)]


@cache
def _seeds(name, _):
    """The inputs of a target to begin with, and their words; real files are among them."""
    seeds = [*TARGETS[name][1]()]
    return seeds, words(seeds)


def inputs(name, seed, number, mutated):
    """A fixed sequence of inputs: those to begin with, and what comes of them."""
    seeds, known = _seeds(name, os.environ.get("IEPILE_RAW"))
    rng = random.Random(seed)
    for _ in range(number):
        yield mutated(rng.choice(seeds), rng, seeds, known)
