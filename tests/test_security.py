"""Data that means harm: archives, addresses, paths, models, and text that steers what shows it."""

import ast
import contextlib
import io
import marshal
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import tomllib
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest
import requests
import tomlkit

from pipeline import catalog, cli, config, text
from pipeline.adding import drafting, importing
from pipeline.adding.evidence import UNKNOWN
from pipeline.catalog import editions, raw_files, reader_options
from pipeline.errors import DeclarationError, FetchError, PipelineError, RawFileError
from pipeline.fetching import archives, http
from pipeline.normalize.windows import windows
from pipeline.publish import card
from pipeline.readers._sentences import sentences
from pipeline.records import Record, Reject
from pipeline.scoring.parsing import parse
from pipeline.terminal import listing
from tests import promises
from tests.conftest import ROOT
from tests.inputs import ENTITY, LAUGHS, PATHS, RUNS, STEERING

# Archives


def tar_of(*items, mode="w:gz", **more):
    """A tar file of (TarInfo, content) pairs after one sound file."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, **more) as packed:
        for info, content in ((tarfile.TarInfo("data/a.txt"), b"sound"), *items):
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
    return out.getvalue()


def item(name, kind=tarfile.REGTYPE, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def zip_of(name, content=b"", mode=0o100644):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("data/a.txt", b"sound")
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        packed.writestr(entry, content)
    return out.getvalue()


ZEROS = bytes(80 << 20)
#: Name -> a function that packs it.
HOSTILE = {
    "up": lambda: tar_of(item("data/../../evil")),
    "up in zip": lambda: zip_of("data/../../evil"),
    "absolute": lambda: tar_of(item("/tmp/evil")),
    "absolute in zip": lambda: zip_of("/tmp/evil"),
    "backslash": lambda: tar_of(item("data\\..\\..\\evil")),
    "symbolic link": lambda: tar_of(item("data/l", tarfile.SYMTYPE, "/etc/passwd")),
    "symbolic link inside": lambda: tar_of(item("data/l", tarfile.SYMTYPE, "a.txt")),
    "hard link": lambda: tar_of(item("data/l", tarfile.LNKTYPE, "data/a.txt")),
    "symbolic link in zip": lambda: zip_of("data/l", b"/etc/passwd", stat.S_IFLNK | 0o777),
    "character device": lambda: tar_of(item("data/null", tarfile.CHRTYPE)),
    "block device": lambda: tar_of(item("data/sda", tarfile.BLKTYPE)),
    "pipe": lambda: tar_of(item("data/pipe", tarfile.FIFOTYPE)),
    "bomb": lambda: tar_of((tarfile.TarInfo("data/zeros"), ZEROS)),
    "bomb in zip": lambda: zip_of("data/zeros", ZEROS),
    "bomb beside what is wanted": lambda: tar_of(
        (tarfile.TarInfo("other/zeros"), bytes(200 << 20))
    ),
    "huge header": lambda: tar_of(
        (tarfile.TarInfo("data/" + "n" * (2 << 20)), b""), format=tarfile.GNU_FORMAT
    ),
    "twice": lambda: tar_of((tarfile.TarInfo("data/a.txt"), b"again")),
    "file and folder": lambda: tar_of((tarfile.TarInfo("data/a.txt/b"), b"again")),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_and_writes_nothing_outside(name, tmp_path):
    (tmp_path / "x").write_bytes(HOSTILE[name]())

    with promises.refused("", archives.ArchiveError):
        archives.unpack(tmp_path / "x", "data", tmp_path / "in" / "out")

    assert {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()} <= {
        "x",
        "in/out/a.txt",
    }
    assert not any(p.is_symlink() or p.is_fifo() for p in tmp_path.rglob("*"))


def test_an_archive_of_very_many_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_FILES", 3)
    (tmp_path / "x").write_bytes(tar_of(*(item(f"data/{n}") for n in range(4))))

    with pytest.raises(archives.ArchiveError, match="or 3 files"):
        archives.unpack(tmp_path / "x", "data", tmp_path / "out")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_what_is_well_compressed_and_not_large_is_no_bomb(mode, tmp_path):
    (tmp_path / "x").write_bytes(tar_of((tarfile.TarInfo("data/b"), bytes(30 << 20)), mode=mode))

    archives.unpack(tmp_path / "x", "data", tmp_path / "out")

    assert (tmp_path / "out" / "b").stat().st_size == 30 << 20


# Addresses


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "/etc/passwd", "ftp://x.org/a", "data:,x", "//x.org/a", "https://", "a"],
)
def test_a_declaration_may_name_addresses_on_the_web_only(url, tmp_path):
    declared = (raw_files.CATALOG / "wnut2017.toml").read_text(encoding="utf-8")
    first = tomllib.loads(declared)["splits"]["train"]["files"][0]["url"]
    (tmp_path / "x.toml").write_text(declared.replace(first, url), encoding="utf-8")

    with pytest.raises(DeclarationError, match="no address on the web"):
        catalog.load("x", tmp_path)


class _Elsewhere(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(302)
        self.send_header("Location", self.server.target)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/a", "gopher://x/a"])
def test_a_server_cannot_send_us_to_another_scheme(target, tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Elsewhere)
    server.target = target
    threading.Thread(target=server.serve_forever, daemon=True).start()
    network = http.Network(timeout=5, attempts=1, wait=0)
    url, part = f"http://127.0.0.1:{server.server_port}/a", tmp_path / "part"
    own = http.session(network)
    try:
        with pytest.raises(FetchError, match="the server redirects to"):
            http.download(own, url, part, network, lambda *_: None)
    finally:
        own.close()
        server.shutdown()
        server.server_close()
    assert not part.exists()


@pytest.mark.parametrize(
    ("url", "target", "refused"),
    [
        ("https://a.org/x", "http://a.org/x", True),
        ("https://a.org/x", "/y", False),
        ("http://a.org/x", "https://a.org/x", False),
        ("http://a.org/x", "//b.org/x", False),
    ],
)
def test_https_never_becomes_http(url, target, refused):
    answer = requests.Response()
    answer.url, answer.status_code = url, 301
    answer.headers["location"] = target
    hooks = http.session(http.Network()).hooks["response"]

    told = []
    for hook in hooks:
        try:
            hook(answer)
        except FetchError as problem:
            told.append(problem.todo)

    assert bool(told) == refused


# Paths


@pytest.mark.parametrize("path", PATHS, ids=lambda path: ascii(path)[:20])
@pytest.mark.parametrize("key", ["file", "documents", "folder"])
def test_a_manifest_cannot_lead_out_of_its_folder(key, path, tmp_path):
    split = {"files": [{"path": path if key == "file" else "train.txt"}]}
    if key == "documents":
        split["documents"] = path
    manifest = {"splits": {"train": split}, **({"folder": path} if key == "folder" else {})}
    (tmp_path / "wnut2017").mkdir()
    written = tomlkit.dumps(manifest)
    (tmp_path / "wnut2017" / "manifest.toml").write_text(written, encoding="utf-8")
    if key == "folder" and not path:
        return  # none is named

    with promises.refused(PATHS[path], DeclarationError):
        raw_files.edition(catalog.load("wnut2017"), tmp_path)


def test_a_link_in_a_raw_folder_cannot_lead_out_of_it(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("Ada\tB-person\n")
    raw = tmp_path / "raw"
    (raw / "folder").mkdir(parents=True)
    (raw / "own").write_text("Ada\tB-person\n")
    (raw / "fine").symlink_to("own")
    (raw / "file").symlink_to(outside / "secret")
    (raw / "up").symlink_to("..")
    (raw / "folder" / "inner").symlink_to(outside / "secret")
    (tmp_path / "linked").symlink_to(raw)

    for folder in (raw, tmp_path / "linked"):
        split = catalog.Split([catalog.File("fine")])
        assert raw_files.verified(folder, split) == [folder / "fine"]
        for path in ("file", "folder", "up", "up/outside/secret"):
            with pytest.raises(RawFileError, match="leads out of the raw folder") as caught:
                raw_files.verified(folder, catalog.Split([catalog.File(path)]))
            assert caught.value.todo


def test_only_plain_files_of_a_raw_folder_are_read(tmp_path):
    """In a process that can be stopped if it waits."""
    out = "leads out of the raw folder"
    words = {"a pipe": "neither a file nor a folder", "a device": out, "a file": out}
    cases = [(k, p) for k in words for p in ("wnut17train.conll", "manifest.toml")]
    for number, (kind, place) in enumerate(cases):
        folder = tmp_path / str(number)
        shutil.copytree(ROOT / "raw/sample/wnut2017", folder / "wnut2017")
        path, outside = folder / "wnut2017" / place, folder / "outside"
        path.rename(outside)
        if kind == "a pipe":
            os.mkfifo(path)
        else:
            path.symlink_to("/dev/zero" if kind == "a device" else outside)
    program = f"""if True:
        import sys
        from pipeline import cli
        for raw in map(str, range({len(cases)})):
            for command in (["check", "wnut2017"], ["run", "wnut2017", "--out", f"out{{raw}}"]):
                assert cli.main([*command, "--raw", raw]) == 1
                for stream in (sys.stdout, sys.stderr):
                    print("===", file=stream, flush=True)
    """
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = map("".join, zip(done.stdout.split("===\n"), done.stderr.split("===\n"), strict=True))
    for (kind, place), check, run in zip(cases, told, told, strict=False):
        assert words[kind] in check
        promises.told(1, run, words[kind])
        # Nothing is told of what stands in it: it was not read.
        if place != "manifest.toml":
            lines = [line for line in check.splitlines() if "wnut2017/train" in line]
            assert lines == [check.strip()]


def test_pipes_among_files_are_not_waited_for(tmp_path):
    (tmp_path / "documents").mkdir()
    os.mkfifo(tmp_path / "documents" / "a.txt")
    (tmp_path / "NER").mkdir()
    os.mkfifo(tmp_path / "NER" / "train.json")
    split = catalog.Split([catalog.File("documents")])

    with pytest.raises(RawFileError, match="neither a file nor a folder") as caught:
        raw_files.verified(tmp_path, split)
    assert caught.value.where == tmp_path / "documents" / "a.txt"
    with pytest.raises(RawFileError, match="neither a file nor a folder"):
        raw_files.digest(tmp_path / "documents" / "a.txt")
    with pytest.raises(RawFileError, match="neither a file nor a folder"):
        importing.run(tmp_path / "NER", UNKNOWN, tmp_path / "raw", tmp_path / "toml")
    with pytest.raises(RawFileError, match="neither a file nor a folder"):
        drafting.draft("toy", "brat", {}, {"train": [tmp_path / "documents"]}, None)


def test_a_loop_of_links_is_told(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "loop").symlink_to("loop")
    (tmp_path / "loop").symlink_to("loop")

    assert raw_files.shut(tmp_path / "folder", tmp_path) is None
    (problem,) = raw_files.faults(tmp_path, catalog.Split([catalog.File("loop")]))
    assert problem.what == "this raw file is missing"


# Code in data


def test_yaml_that_makes_objects_is_refused(tmp_path):
    (tmp_path / "raw").mkdir()
    made = tmp_path / "made"
    params = tmp_path / "params.yaml"
    params.write_text(f"raw: !!python/object/apply:os.mkdir ['{made}']\n", encoding="utf-8")

    with pytest.raises(DeclarationError):
        config.load(params)
    with pytest.raises(PipelineError):
        editions.switch(tmp_path / "raw", params)
    with contextlib.suppress(PipelineError):
        editions.switch(ROOT / "raw" / "sample", params)
    assert not made.exists()


#: What would run or build something that data names.
_CALLS = {
    "eval", "exec", "compile", "__import__", "system", "popen", "Popen", "check_output",
    "unsafe_load", "full_load", "load_all", "literal_eval", "getoutput", "mktemp", "extractall",
}  # fmt: skip
_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "subprocess"}


def test_no_code_runs_what_data_says():
    """Ruff's S rules say so too; this also holds where one of them is waived."""
    found = []
    for path in sorted((ROOT / "pipeline").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [getattr(node, "module", None) or "", *(a.name for a in node.names)]
                found += [(path.name, n) for n in names if n.split(".")[0] in _MODULES]
            named = getattr(node, "attr", getattr(node, "id", ""))
            found += [(path.name, named)] if named in {"UnsafeLoader", "FullLoader"} else []
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                owner = getattr(getattr(node.func, "value", None), "id", "")
                told = {k.arg: ast.unparse(k.value) for k in node.keywords}
                loads = {"torch": "load", "np": "load", "numpy": "load"}.get(owner) == name
                regex = owner == "re" and name == "compile"
                bad = (name in _CALLS and not regex) or loads or told.get("shell") == "True"
                bad |= told.get("trust_remote_code", "False") != "False"
                bad |= told.get("allow_pickle", "False") != "False"
                model = name in {"from_pretrained", "SentenceTransformer"} and node.args
                bad |= bool(model) and "trust_remote_code" not in told
                if bad:
                    found.append((path.name, node.lineno, ast.unparse(node)[:80]))

    assert found == []


def test_xml_that_grows_or_reads_other_files_is_a_reject(tmp_path):
    (tmp_path / "d.sgm").write_text("<DOC><TEXT>Ada fell.</TEXT></DOC>")

    for markup in (LAUGHS, ENTITY):
        (tmp_path / "d.apf.xml").write_bytes(markup)
        (item,) = reader_options.read("ace_apf", [tmp_path / "d.apf.xml"], language="en")
        assert isinstance(item, Reject)
        assert "root:" not in str(item)


def test_the_audit_says_when_nothing_was_audited(tmp_path):
    """With another program in the place of pip-audit: silent, sound, and one that finds."""
    known = "case $* in *known.txt*) echo jinja2 3.1.5 CVE-2025-27516; exit 1;; esac\n"
    programs = {"": 3, "exit 1": 3, f"{known}": 0, f"{known}echo torch CVE-1; exit 1": 1}
    for number, (program, code) in enumerate(programs.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "pip-audit").write_text(f"#!/bin/sh\n{program}\n")
        (folder / "pip-audit").chmod(0o755)
        environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}

        done = subprocess.run(
            [ROOT / ".ci" / "audit"], env=environment, capture_output=True, text=True, check=False
        )

        assert done.returncode == code, program
        assert ("no dependency was audited" in done.stderr) == (code == 3)


# What shows text


def test_no_file_of_others_changes_the_words(tmp_path, monkeypatch):
    """jieba reads a cache in the folder for temporary files, where all may write."""
    planted = marshal.dumps(({"北": 0, "北京市": 10**9, "北京": 1}, 10**9))
    for place in ("tmp", "tmp/iepile"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "jieba.cache").write_bytes(planted)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "tmp"))

    split = text.word_splitter.__wrapped__("zh")

    assert split("他在北京市长大") == ["他", "在", "北京市", "长大"]
    assert split("港口在雾中") == ["港口", "在", "雾", "中"]
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*"))
    assert found == ["tmp", "tmp/iepile", "tmp/iepile/jieba.cache", "tmp/jieba.cache"]


def test_nothing_steers_the_terminal():
    assert text.drawn("a\tb\nc") == "a→b↵c"
    assert text.visible("a\tb\nc 中😀é") == "a\tb\nc 中😀é"
    for shown in (text.drawn(STEERING), text.visible(STEERING)):
        assert len(shown) == len(STEERING)
        assert shown.replace("·", "").isprintable()
    cells = listing.table(("label",), [[STEERING]])
    assert not {*STEERING} & {"\x1b", "\x07", "\x9b", "\u202e"} & {*cells}


def test_what_a_declaration_says_steers_nothing_in_markdown():
    odd = STEERING.removesuffix("\ud800")  # half a pair is no TOML
    dataset = msgspec.structs.replace(catalog.load("wnut2017"), title=odd, license=odd, source=odd)
    records = {"wnut2017": {"train": {"records": 1, "dropped": {odd: 1}, "kept": 0}}}
    edition = {"invented": [], "versions": {"wnut2017": odd}}
    rest = ("tasks", "language", "use", "access", "quality", "records", "raw_present")
    entries = [{**dict.fromkeys(rest)}]
    entries[0] |= {"id": "wnut2017", "title": odd, "license": odd, "source": odd}

    for shown in (
        card.card([dataset], {}, records, config.Settings(), "0" * 64, edition, "0" * 32),
        listing.catalog(entries, licenses=False),
    ):
        assert "red" in shown
        assert "".join(shown.split("\n")).isprintable()


@pytest.fixture
def iepile(capsys):
    """A function that runs a command, and returns its exit code and what it says."""

    def run(*arguments):
        code = cli.main([*map(str, arguments)])
        return code, "".join(capsys.readouterr())

    return run


def test_errors_are_drawn(iepile, tmp_path):
    params = tmp_path / "params.yaml"
    params.write_text('{"datasets": ["\\e[2J\\u202e"]}', encoding="utf-8")

    code, told = iepile("normalize", "--params", params, "--out", tmp_path / "o")

    promises.told(code, told, "is no id of a dataset")
    assert not {"\x1b", "\u202e"} & {*told}


def test_shown_records_are_drawn(iepile, tmp_path):
    folder = tmp_path / "raw" / "wnut2017"
    folder.mkdir(parents=True)
    rows = "Ada\x1b[2J\tB-person\nfell\u202e\tO\n\n\x1b]0;x\x07\tB-\x1b[31m\n\n"
    (folder / "t\x1b[1m.txt").write_text(rows, encoding="utf-8")
    (folder / "manifest.toml").write_text(
        '[splits.train]\nfiles = [{ path = "t\\u001b[1m.txt" }]\n', encoding="utf-8"
    )
    params = tmp_path / "params.yaml"
    params.write_text("normalize: {max_reject_rate: 1}\n")
    where = ("--raw", tmp_path / "raw", "--params", params)
    out = ("--out", tmp_path / "out")

    told = [iepile("normalize", "wnut2017", *where, *out)]
    told += [iepile("check", "wnut2017", *where)]
    rows = rows.replace("B-\x1b[31m", "X-person")
    (folder / "t\x1b[1m.txt").write_text(rows, encoding="utf-8")
    told += [
        iepile("normalize", "wnut2017", *where, *out),
        iepile("show", "wnut2017", "--run", tmp_path / "out"),
    ]
    told += [iepile("show", "wnut2017", "--rejects", "--run", tmp_path / "out")]

    said = "".join(text for _, text in told)
    assert [code for code, _ in told] == [1, 1, 0, 0, 0]
    assert "Ada·[2J" in said
    assert "person" in said
    assert "unknown_tag" in said
    assert not {"\x1b", "\x07", "\u202e"} & {*said}


@pytest.mark.parametrize("unit", RUNS)
def test_long_runs_of_anything_take_no_long_time(unit, tmp_path):
    """Where time grows with the square of a run, these would take minutes."""
    text = (unit * 300_000)[:300_000]
    (tmp_path / "a.name").write_text(
        f'<DOC DOCNO="a">\n<ENAMEX {text.strip()}>x</ENAMEX>\n</DOC>\n'
    )
    started = time.process_time()

    assert len([*sentences(text, 0, len(text), [])]) <= len(text)
    for language in ("en", "zh"):
        assert windows(Record(text, "x"), 1000, language)
    assert parse(f"{{'a': {text}", ["a"]) is None
    assert [*reader_options.read("ontonotes_name", [tmp_path / "a.name"], language="en")]

    assert time.process_time() - started < 30


def test_python_protects_xml_itself():
    from xml.parsers import expat

    assert expat.version_info >= (2, 4, 1), f"{sys.version} has no limit on entities"


def test_raw_file_errors_name_the_file(tmp_path):
    with pytest.raises(RawFileError) as caught:
        list(catalog.reader(catalog.load("wnut2017"))([tmp_path / "none"]))

    assert caught.value.where == tmp_path / "none"
