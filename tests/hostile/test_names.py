"""Files, folders and terminals with names and encodings of their own."""

import os
import shutil
import subprocess
import sys
from argparse import Namespace

import pytest
import tomlkit

from pipeline import catalog
from pipeline.catalog import raw_files
from pipeline.config import Normalize
from pipeline.execution import shards
from pipeline.tables import from_table
from pipeline.text import visible
from tests import promises
from tests.conftest import ROOT
from tests.helpers import make, normalize_one
from tests.hostile.toys import Toy, lay_out, made, ner, span_rows
from tests.inputs import FILES, STEERING

SAMPLE = ROOT / "raw" / "sample"


def test_raw_files_of_any_name(tmp_path):
    content = span_rows(("Ada is here", [(0, 3, "person")]))
    ws = lay_out(tmp_path, {"toy": ner(["person"], {"train": content})})
    for name in FILES:
        (ws.raw / "toy" / name).write_bytes(content)
    split = {"files": [{"path": name} for name in FILES]}
    manifest = tomlkit.dumps({"splits": {"train": split}})
    (ws.raw / "toy" / "manifest.toml").write_text(manifest, encoding="utf-8")

    make("normalize", ["toy"], ws)

    rows = shards.read(ws.out / "normalize" / "toy" / "train-00000.parquet").to_pylist()
    assert [row["origin"] for row in rows] == [f"{name}:1" for name in FILES]
    assert {row["mentions"][0]["text"] for row in rows} == {"Ada"}


TAGGED = Toy(
    {"tasks": ["NER"], "reader": {"name": "columns"}, "labels": {"entity": ["PER\x01", "LOC"]}},
    {"train": b"Bo\tB-PER\x01\nis\tO\nthere\tO\nin\tO\nOslo\tB-LOC\n"},
)
SPANNED = ner(
    ["place\u000b", "\u202eperson", "\u0643\u0644\u0645\u0629"],
    {
        "train": span_rows(
            ("Ada is here in Oslo", [(0, 3, "\u202eperson"), (15, 19, "place\u000b")])
        )
    },
)


def test_the_page_holds_control_characters_of_labels_as_escapes(tmp_path):
    ws, counts = made(tmp_path, {"tagged": TAGGED, "spanned": SPANNED})

    kept = [own["records"]["train"]["kept"] for own in counts["datasets"].values()]
    assert kept == [1, 1]
    html = (ws.folders["report"] / "index.html").read_text(encoding="utf-8")
    assert visible(html) == html
    assert "place\\u000b" in html
    assert "PER\\u0001" in html


def test_documents_of_any_name(tmp_path):
    """A folder of documents is listed, and a name becomes the source's id."""
    toy = Toy(
        {"tasks": ["NER"], "reader": {"name": "brat"}, "labels": {"entity": ["person"]}},
        {"train": b""},
        "documents",
    )
    ws = lay_out(tmp_path, {"toy": toy})
    folder = ws.raw / "toy" / "documents"
    folder.unlink()
    folder.mkdir()
    for name in FILES:
        (folder / f"{name}.txt").write_bytes(b"Ada is here")
        (folder / f"{name}.ann").write_bytes(b"T1\tperson 0 3\tAda\n")

    make("normalize", ["toy"], ws)

    rows = shards.read(ws.out / "normalize" / "toy" / "train-00000.parquet").to_pylist()
    assert sorted(row["source_id"] for row in rows) == sorted(FILES)
    assert {row["mentions"][0]["label"] for row in rows} == {"person"}


@pytest.mark.parametrize(
    "name", ["anatem-brat", "crudeoil-news", "ontonotes5-name", "ontonotes5-en"]
)
def test_a_document_whose_name_is_no_unicode(name, tmp_path):
    """What an old archive unpacks to: the document is counted, kept or not, and nothing breaks."""
    shutil.copytree(SAMPLE / name, tmp_path / "raw" / name)
    dataset = catalog.load(name)
    folder, manifest = raw_files.edition(dataset, tmp_path / "raw")
    before = normalize_one(dataset, folder, manifest, Normalize(), tmp_path / "before")
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "manifest.toml"):
        os.rename(  # noqa: PTH104 - a name of bytes
            os.fsencode(path), os.fsencode(path.parent) + b"/\xff\xc0" + os.fsencode(path.name)
        )
    for split in manifest.splits.values():
        split.counts.clear()
        split.documents = None
        for file in split.files:
            assert file.sha256 is None or raw_files.digest(folder / file.path) != file.sha256
            file.sha256 = None

    after = normalize_one(dataset, folder, manifest, Normalize(max_reject_rate=1), tmp_path / "out")

    for split, own in after["splits"].items():
        assert own["rows"] == own["records"] + own["rejected"]
        assert own["rows"] >= before["splits"][split]["records"]
    for _, shard in shards.record_shards(tmp_path / "out"):
        assert [r.origin.encode() for r in from_table(shards.read(shard))]


def iepile(*arguments, cwd=ROOT, **environment):
    command = [sys.executable, "-m", "pipeline.cli", *arguments]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, timeout=120, check=False)


#: Calls and their exit codes under every encoding, in one process since each imports the same.
CALLED = """
import sys
from pipeline import cli
calls = {("check", "boson", "wnut2017"): 0, ("datasets", "--licenses"): 0, ("normalize", "名字"): 1}
for encoding in ("ascii", "latin-1", "gbk"):
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding=encoding, errors="strict")
    for call, code in calls.items():
        assert cli.main([*call]) == code, (call, encoding)
"""


def test_a_terminal_that_lacks_the_letters():
    done = subprocess.run(
        [sys.executable, "-c", CALLED],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr.count(b"there is no dataset") == 3
    promises.told(1, done.stderr.decode("latin-1"), "there is no dataset")


def test_an_argument_that_is_no_unicode():
    done = iepile("show", b"\xff\xfe")

    promises.told(done.returncode, done.stderr.decode(), "is no id of a dataset")


def test_a_reader_of_the_output_that_goes_away():
    done = subprocess.run(
        f"'{sys.executable}' -m pipeline.cli datasets --json | head -c 1",
        shell=True,
        cwd=ROOT,
        capture_output=True,
        timeout=120,
        check=False,
    )

    assert done.stdout == b"["
    assert b"Traceback" not in done.stderr


def test_signals_for_the_terminal_are_shown_and_not_sent(tmp_path):
    """A text may hold an escape sequence; the terminal must not obey it."""
    evil = STEERING.removesuffix("\ud800") + "owned"  # half a pair is no JSON
    rows = span_rows((f"Ada {evil} here", [(0, 3, "person")]), (f"Bo {evil}", [(0, 99, "person")]))
    toy = ner(["person"], {"train": rows})._replace(file=f"{evil}.json")
    ws = lay_out(tmp_path, {"toy": toy}, normalize=Normalize(max_reject_rate=1))
    make("normalize", ["toy"], ws)

    from pipeline.adding import checking
    from pipeline.terminal import showing

    wanted = Namespace(id="toy", split=None, dropped=None, grep=None, n=9)
    shown = [
        *showing.records("toy", ws.folders, wanted, 80),
        *showing.rejects("toy", ws.folders, wanted, 80),
    ]
    found = checking.check(ws.dataset("toy"), *raw_files.edition(ws.dataset("toy"), ws.raw), 0.02)

    assert "owned" in "".join(line.plain for line in shown)
    assert found.findings
    for text in [*(line.plain for line in shown), *map(str, found.findings)]:
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & {*text}
