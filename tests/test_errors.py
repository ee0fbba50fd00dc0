"""Every error says what is wrong, where, and what to do: at every site, and in its words."""

import ast
import pickle
import shutil
from functools import cache, partial
from importlib import import_module

import pytest

from pipeline import cli, fetching
from pipeline.catalog import Dataset, File, Labels, Split, invariant
from pipeline.errors import PipelineError
from pipeline.execution import engines
from pipeline.fetching import archives
from pipeline.fetching.http import Network
from pipeline.records import Mention, Record
from pipeline.tables import to_table
from tests.conftest import ROOT
from tests.helpers import declared

SOURCES = sorted((ROOT / "pipeline").rglob("*.py"))


@cache
def trees():
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}


@cache
def nodes():
    """Every class and every call in the pipeline, with its file."""
    return [
        (path, node)
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef | ast.Call)
    ]


def names_in(node):
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


@cache
def kinds():
    """Name -> module of PipelineError and of every class that descends from it."""
    classes = [
        (node, ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
        for path, node in nodes()
        if isinstance(node, ast.ClassDef)
    ]
    found = {"PipelineError": "pipeline.errors"}
    while new := {
        node.name: module
        for node, module in classes
        if node.name not in found and any(names_in(base) & {*found} for base in node.bases)
    }:
        found |= new
    return found


@cache
def sites():
    """(place, call) of every error that is made anywhere in the pipeline."""
    return [
        (f"{path.relative_to(ROOT)}:{node.lineno}", node)
        for path, node in nodes()
        if isinstance(node, ast.Call) and names_in(node.func) & {*kinds()}
    ]


def blank(node):
    """Whether an argument is left out, or is written down as nothing."""
    return node is None or (isinstance(node, ast.Constant) and not str(node.value or "").strip())


def test_every_site_says_what_where_and_what_to_do():
    lacking = []
    for place, call in sites():
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        parts = {"what": call.args[0] if call.args else None, **given}
        lacking += [f"{place}: {p}" for p in ("what", "where", "todo") if blank(parts.get(p))]

    assert lacking == []


def test_every_site_is_seen():
    assert len(sites()) > 100
    assert {"RawFileError", "UnreachableError", "ArchiveError"} <= {*kinds()}


def test_there_is_no_error_that_nothing_makes():
    made = {name for _, call in sites() for name in names_in(call.func)}

    assert {*kinds()} - made <= {"PipelineError"}


def test_errors_say_the_same_in_another_process():
    for name, module in sorted(kinds().items()):
        kind = getattr(import_module(module), name)
        error = kind("it is so", where="here:3", todo="mend it")

        assert str(error) == "it is so\n  where: here:3\n  to do: mend it", name
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again)) == (kind, str(error)), name
        assert kind.__doc__, name


def test_nothing_that_an_error_quotes_steers_the_terminal():
    steering = "a\x1b[2Jb\x9b1mc\u202ed"
    told = str(PipelineError(steering, where=steering, todo=f"mend\n\t{steering}"))

    assert {*told} & {"\x1b", "\x9b", "\u202e"} == set()
    assert told.count(r"a\x1b[2Jb\x9b1mc\u202ed") == 3
    assert "to do: mend\n\ta" in told


@pytest.mark.parametrize("given", [{}, {"where": "here"}, {"todo": "mend it"}])
def test_an_error_without_all_three_cannot_be_made(given):
    with pytest.raises(TypeError, match=r"missing \d required"):
        PipelineError("it is so", **given)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of things that are wrong, and in `run` what a run over one dataset wrote."""
    folder = tmp_path_factory.mktemp("errors")
    sample = ROOT / "raw/sample/wnut2017"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        assert cli.main(["run", "wnut2017", "--out", str(folder / "run")]) == 0
    for name, text in PARAMETERS.items():
        (folder / f"{name}.yaml").write_text(f"{ONE}{text}\n", encoding="utf-8")
    for name, (file, old, new) in RAW.items():
        own = folder / name / "wnut2017"
        shutil.copytree(sample, own)
        text = (own / file).read_text(encoding="utf-8")
        assert old in text
        (own / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    (folder / "lacking/wnut2017/emerging.dev.conll").unlink()
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    shutil.copytree(folder / "run", folder / "spoilt")
    for shard in [*folder.glob("spoilt/*/*/train-00000*.parquet")]:
        shard.write_bytes(b"PAR1")
    return folder


ONE = "datasets: [wnut2017]\n"
PARAMETERS = {
    "slip": "instruct: {sead: 1}",
    "share": "clean: {max_non_letter_share: 2}",
    "least": "negatives: {top_k: 0}",
    "signal": "negatives: {weights: {smell: 1}}",
    "weight": "negatives: {weights: {name: -1}}",
    "encoder": "negatives: {encoder: /nowhere/model}",
    "tokenizer": "publish: {tokenizer: /nowhere/tokens}",
    "bytes": "publish: {bytes_per_shard: 0}",
    "cap": "publish: {max_rows: {nothing: 5}}",
}
RAW = {
    "lacking": ("manifest.toml", "Imagined", "Imagined"),
    "hashed": ("manifest.toml", 'conll" }', f'conll", sha256 = "{"0" * 64}" }}'),
    "miscounted": ("manifest.toml", "entities = 19", "entities = 20"),
    "unknown": ("wnut17train.conll", "B-location", "B-planet"),
    "garbled": ("manifest.toml", "records = 16, entities = 19", ""),
    "splitless": ("manifest.toml", "[splits.dev]", "[splits.trial]"),
    "outside": ("manifest.toml", '"wnut17train', '"../wnut17train'),
    "syntax": ("manifest.toml", "[splits.dev]", "[splits.dev"),
    "misnamed": ("manifest.toml", "records = 5", "sentences = 5"),
    "homeless": ("manifest.toml", "note =", 'folder = "../x"\nnote ='),
}
FILES = {
    "garbled/wnut2017/wnut17train.conll": "a\n\nb\n\nc O O\n",
    "empty/none": "",
    "taken/letter.txt": "dear",
    "plain.md": "no table",
    "link.toml": "link = 1",
    "unified/NER/schema/schema.json": "[]",
    "unified/NER/schema/train.json": "",
    "list.json": '{"NER": ["a"]}',
    "answers/twice.jsonl": '{"id": "a", "prediction": ""}\n' * 2,
    "answers/strange.jsonl": '{"id": "a", "prediction": ""}\n',
    "answers/bare.jsonl": '{"id": "a"}\n',
    "answers/broken.jsonl": "{\n",
    "answers/broken.parquet": "PAR1",
    "answers/gold.jsonl": '{"id": "a", "instruction": "", "output": "", "answer": ""}\n',
    "foo.tsv": "The\tO\nferry\tB-boat\n\n",
    "no-tags.tsv": "nothing\n\n",
    "plain.tsv": "The\tO\nferry\tO\n\nA\tO\ndog\tO\n",
    "unified/empty/schema.json": "[[], [], {}]",
    "unified/empty/train.json": '{"text": "Nobody", "entity": []}',
}

#: Class, command, what, where and what to do, a case a line; {t} is the folder of what is wrong.
COMMANDS = [
    tuple(line.split(" | "))
    for line in (ROOT / "tests/fixtures/errors.txt").read_text(encoding="utf-8").splitlines()
]


def unpacked(place):
    archives.unpack(place / "plain.md", "a", place / "x")


def unreachable(place):
    raise fetched(place, url="http://127.0.0.1:9/a.txt")


def from_mirror(place):
    raise fetched(place, mirror=str(place / "empty"))


def another(place):
    (place / "mirror/toy").mkdir(parents=True)
    (place / "mirror/toy/a.txt").write_text("another")
    raise fetched(place, mirror=str(place / "mirror"))


def fetched(place, mirror=None, url=None):
    dataset = Dataset(
        title="Toy",
        source="Toy",
        license="CC0",
        language="en",
        domain="toys",
        tasks=["NER"],
        reader={"name": "columns"},
        labels=Labels(entity={"PER": "person"}),
        id="toy",
        splits={"train": Split([File("a.txt", "0" * 64, url=url)])},
    )
    network = Network(timeout=0.5, attempts=1, wait=0.01, longest_wait=1)
    errand = (dataset, place / "toy", network, mirror, lambda *_: None, set(), set())
    outcome = fetching.fetch(fetching.Errand(*errand))
    (problem,) = outcome.problems
    return problem


def failed(place):
    def job(item):
        raise OSError(28, "No space left on device", str(place / item))

    list(engines.run(job, ["a"]))


def unsound(_):
    record = Record("Rome fell", "toy.txt:1", [Mention("Rome", 51, 55, "place")])
    broken = to_table([record], ["toy/train/0"], dataset="toy", split="train", language="en")
    invariant.checked(broken, declared(entity=["place"]))


FUNCTIONS = [
    ("RecordError", unsound, "51:55 in a text of 9 characters", "toy/train/0", "report it"),
    ("ArchiveError", unpacked, "cannot unpack", "{t}/plain.md", "get it again"),
    ("UnreachableError", unreachable, "fails again and again", "http://127.0.0.1:9", "--mirror"),
    ("OtherBytesError", another, "other bytes", "{t}/mirror/toy/a.txt", "another --mirror"),
    ("FetchError", from_mirror, "no such file", "toy: a.txt", "{t}/empty/toy/a.txt"),
    ("WorkError", failed, "no space left", "{t}/a", "run the same command again"),
]


@pytest.mark.parametrize(("kind", "act", "what", "where", "todo"), [*COMMANDS, *FUNCTIONS])
@pytest.mark.usefixtures("in_project")
def test_the_words(kind, act, what, where, todo, place):
    if isinstance(act, str):
        arguments = cli.parser().parse_args([part.format(t=place) for part in act.split()])
        act = partial(cli.run, arguments)
    else:
        act = partial(act, place)

    with pytest.raises(PipelineError) as caught:
        act()

    error = caught.value
    assert type(error).__name__ == kind
    assert what in error.what
    assert where.format(t=place) in str(error.where)
    assert todo.format(t=place) in error.todo


def test_every_class_is_among_them():
    assert {kind for kind, *_ in [*COMMANDS, *FUNCTIONS]} == {*kinds()} - {"PipelineError"}
