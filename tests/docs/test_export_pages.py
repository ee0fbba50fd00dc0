"""The worked examples of docs/exports, run as they are written, and the rows that these pages show.

They run in a folder of their own whose `output` holds a run over sample texts. Tiny random models
lie there under the names of the pre-trained ones, where `from_pretrained` finds them first.
"""

import contextlib
import io
import json
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version

import pytest
import yaml
from packaging.version import Version

from pipeline import cli
from tests.conftest import ROOT
from tests.docs.pages import blocks, rows, shows

PAGES = sorted((ROOT / "docs" / "exports").glob("*.md"))
BLOCKS = [block for page in PAGES for block in blocks(page)]
MINE = [block for block in BLOCKS if block.mark == "run in: exports"]


def commands(found):
    """The lines of shell blocks."""
    texts = (block.text.replace("\\\n", " ") for block in found if block.kind == "sh")
    return [line for text in texts for line in text.splitlines()]


SHELL = commands(MINE)
EXPORTS = [shlex.split(line) for line in SHELL if line.startswith("iepile export")]
EXAMPLES = [line.split() for line in SHELL if line.startswith("python examples/")]
FILES = [line for line in SHELL if line.startswith("cat ")]
#: Commands of trainers that are not installed; what they read is checked below.
TRAINERS = [
    line.split()
    for line in commands(block for block in BLOCKS if block.mark.startswith("not run"))
    if line.startswith(("swift sft", "python ../PaddleNLP"))
]
PYTHON = [block.text for block in MINE if block.kind == "python"]
YAML = [block.text for block in MINE if block.kind == "yaml"]
ROWS = [block for block in BLOCKS if block.mark.startswith("row of: ")]


def test_every_block_is_run():
    assert len(EXPORTS) + len(EXAMPLES) + len(FILES) == len(SHELL)
    assert {block.kind for block in MINE} == {"sh", "python", "yaml"}
    assert {arguments[2] for arguments in EXPORTS} == {*formats()}
    assert (len(EXAMPLES), len(PYTHON), len(YAML)) == (4, 4, 1)
    assert (len(FILES), len(TRAINERS)) == (2, 2)


def formats():
    """The formats that `iepile export` knows."""
    path = ROOT / "pipeline" / "exports" / "formats.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def test_every_format_has_a_page_and_a_line_in_the_table():
    table = (ROOT / "docs" / "exports" / "index.md").read_text(encoding="utf-8")

    assert {page.stem for page in PAGES} == {*formats(), "index"}
    assert {*re.findall(r"^\| \[[\w-]+\]\(([\w-]+)\.md\)", table, re.MULTILINE)} == {*formats()}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The folder the examples run in: a run, its exports, and models under their names."""
    folder = tmp_path_factory.mktemp("place")
    out = folder / "output"
    arguments = ["--raw", str(ROOT / "raw" / "sample"), "--out", str(out), "--workers", "1"]
    params = ["--params", str(ROOT / "params.yaml")]
    assert cli.main(["run", "conll04", "duie2", *arguments, *params]) == 0
    shutil.copy(ROOT / "params.yaml", folder)
    shutil.copytree(out / "dictionaries", folder / "dictionaries")
    (folder / "examples").symlink_to(ROOT / "examples")
    models(folder)
    with contextlib.chdir(folder):
        for _, *arguments in EXPORTS:
            assert cli.main(arguments) == 0
    for line in FILES:
        subprocess.run(line, shell=True, cwd=folder, check=True)
    return folder


@pytest.mark.parametrize("block", ROWS, ids=lambda block: block.page.stem)
def test_rows_that_are_shown_are_real(block, place):
    source = block.mark.removeprefix("row of: ")
    folder = {"iepile-jsonl": "unified"}.get(source, source)
    shown = json.loads(block.text)
    found = [*rows(place / "output" / folder)]

    assert any(shows(shown, row) for row in found), [
        row for row in found if row.get("id") == shown.get("id")
    ]


def models(folder):
    """Save tiny random models under the names of the pre-trained ones."""
    from transformers import BertConfig, BertForMaskedLM

    sys.path.insert(0, str(ROOT / "examples"))
    try:
        import offline
    finally:
        sys.path.remove(str(ROOT / "examples"))
    texts = [
        text
        for path in sorted((ROOT / "raw" / "sample").glob("*/train.txt"))
        for text in path.read_text(encoding="utf-8").splitlines()
    ]
    for name in ("bert-base-cased", "bert-base-chinese"):
        tokenizer = offline.tokenizer([*texts, "是的在一"])
        sizes = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2}
        config = BertConfig(vocab_size=len(tokenizer), num_hidden_layers=2, **sizes)
        BertForMaskedLM(config).save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    gliner(folder)
    tokenizer, model = offline.causal(None, texts)
    model.save_pretrained(folder / "Qwen" / "Qwen2.5-0.5B-Instruct")
    tokenizer.save_pretrained(folder / "Qwen" / "Qwen2.5-0.5B-Instruct")


def gliner(folder):
    """Save a tiny random GLiNER on the tiny BERT, where GLiNER is installed."""
    try:
        from gliner import GLiNER
    except ImportError:
        return
    with contextlib.chdir(folder):
        sizes = {"hidden_size": 32, "max_width": 12}
        config = {"model_name": "bert-base-cased", "span_mode": "markerV0", **sizes}
        model = GLiNER.from_config(config, backbone_from_pretrained=False)
        model.save_pretrained("urchade/gliner_small-v2.1")


@pytest.fixture
def one_thread():
    """Threads only slow down tiny models."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize(
    "code",
    [pytest.param(code, marks=pytest.mark.soak if "gliner" in code else ()) for code in PYTHON],
    ids=lambda c: re.findall(r"from (\w+)", c)[-1],
)
@pytest.mark.usefixtures("one_thread")
def test_python_blocks_run_as_written(code, place, monkeypatch):
    for package in {*re.findall(r"^(?:from|import) (\w+)", code, flags=re.MULTILINE)}:
        pytest.importorskip(package, reason=f"{package} is not installed")
    if "gliner" in code and Version(version("gliner")) < Version("0.2.29"):
        pytest.skip("before 0.2.29, GLiNER's trainer is not written for transformers 5")
    pytest.importorskip("accelerate", reason="trainers need accelerate: install .[consumers]")
    monkeypatch.chdir(place)
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        exec(compile(code, "docs/exports", "exec"), {"__name__": "example"})

    assert "train_loss" in told.getvalue()


@pytest.mark.parametrize("arguments", EXAMPLES, ids=lambda a: a[1].split("/")[1])
@pytest.mark.usefixtures("one_thread")
def test_example_calls_run_as_written(arguments, place, monkeypatch, capsys):
    if arguments[1].endswith("llm_sft.py"):
        for package in ("trl", "peft"):
            pytest.importorskip(package, reason=f"{package} is not installed")
    # As `python examples/...` would, in this process, which has imported the trainers already.
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    monkeypatch.setattr(sys, "argv", arguments[1:])

    runpy.run_path(arguments[1], run_name="__main__")

    assert re.search(r"F1 [\d.]+", capsys.readouterr().out)


def test_the_llamafactory_file_names_what_was_exported(place):
    settings = yaml.safe_load(YAML[0])
    folder = place / settings["dataset_dir"]
    entry = json.loads((folder / "dataset_info.json").read_bytes())[settings["dataset"]]

    assert {path.suffix for path in (folder / entry["file_name"]).iterdir()} == {".jsonl"}


@pytest.mark.soak
def test_llamafactory_trains_as_written(place):
    pytest.importorskip("llamafactory", reason="LLaMA-Factory is not installed")
    subprocess.run(["llamafactory-cli", "train", "sft.yaml"], cwd=place, check=True)


def options(command):
    """The options of a command line: name -> values."""
    found = {}
    for word in command:
        if word.startswith("--"):
            values = found.setdefault(word.removeprefix("--"), [])
        elif found:
            values.append(word)
    return found


def test_paddlenlp_reads_what_was_exported(place):
    """What the reader of PaddleNLP's `finetune.py` asks of a file; it is in no package."""
    (command,) = (c for c in TRAINERS if c[0] == "python")
    own = options(command)
    room = int(own["max_seq_length"][0])
    for path in (own["train_path"][0], own["dev_path"][0]):
        rows = [json.loads(line) for line in (place / path).read_text("utf-8").splitlines()]
        assert {tuple(sorted(row)) for row in rows} == {
            ("content", "id", "prompt", "record_id", "result_list")
        }
        assert [bool(row["result_list"]) for row in rows].count(False) > 0
        found = [(row, span) for row in rows for span in row["result_list"]]
        assert len(found) > 10
        for row in rows:
            assert len(row["prompt"]) + 3 < room  # it stops at a longer one
            starts = [span["start"] for span in row["result_list"]]
            assert starts == sorted(starts)  # it cuts long texts behind the first that fits
            assert row["content"].strip() == row["content"]  # it strips, and shifts no offset
        for row, span in found:
            assert row["content"][span["start"] : span["end"]] == span["text"]


def exported_for_swift(place):
    """The files that the call of ms-swift names, and their rows."""
    (command,) = (c for c in TRAINERS if c[0] == "swift")
    (pattern,) = options(command)["dataset"]
    files = sorted(place.glob(pattern))
    return files, [json.loads(line) for file in files for line in file.read_bytes().splitlines()]


def test_rows_are_as_ms_swift_documents_them(place):
    _, rows = exported_for_swift(place)

    assert len(rows) > 100
    assert {(*row,) for row in rows} == {("messages", "id", "record_id")}
    assert {tuple(turn["role"] for turn in row["messages"]) for row in rows} == {
        ("user", "assistant")
    }


@pytest.mark.soak
def test_ms_swift_reads_what_was_exported(place, monkeypatch):
    pytest.importorskip("swift.dataset", reason="ms-swift is not installed")
    from swift.dataset import load_dataset

    files, rows = exported_for_swift(place)
    monkeypatch.chdir(place)
    train, _ = load_dataset([*map(str, files)])
    assert [row["messages"] for row in train] == [row["messages"] for row in rows]
