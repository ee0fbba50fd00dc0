"""`iepile fetch` against a server that misbehaves, archives that do, mirrors, and being killed."""

import contextlib
import errno
import gzip
import hashlib
import io
import json
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
import tomllib
import zipfile
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline import catalog, cli, fetching
from pipeline.catalog import Dataset, File, Labels, Split, declaration, raw_files
from pipeline.errors import DeclarationError
from pipeline.fetching import archives, checking, http, obtaining, unified
from pipeline.fetching.http import Network

DATA = random.Random(1).randbytes(300_000)
PATIENT = Network(timeout=30, attempts=3, wait=0.01, longest_wait=2)


CRLF = "\r\n"
#: How a body or header never ends: the status, seconds between two pieces, the piece.
ENDLESS = {
    "flood": (200, 0, bytes(1 << 16)),
    "flood-302": (302, 0, bytes(1 << 16)),
    "flood-404": (404, 0, bytes(1 << 16)),
    "flood-503": (503, 0, bytes(1 << 16)),
    "drip": (200, 0.02, b"a"),
    "head": (200, 0.02, b"X"),
}
PACKINGS = {"gzip": "gzip"}


class Handler(BaseHTTPRequestHandler):
    """The first part of the path says how it misbehaves, the rest which file it sends."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        """A head: its size, and what the Hub states of a file at a commit."""
        how, _, name = self.path.lstrip("/").partition("/")
        self.server.heads[self.path] += 1
        if name not in self.server.files:
            return self.head(404, 0, {})
        if how in self.server.stated:
            body = self.server.files[name]
            return self.head(200, len(body), self.server.stated[how](body))
        code = {"404": 404, "no-head": 405, "redirect": 302}.get(how, 200)
        more = {"Location": f"http://localhost:{self.server.server_port}/good/{name}"}
        length = len(self.server.files[name]) if code == 200 else 0
        return self.head(code, length, more if code == 302 else {})

    def do_GET(self):
        how, _, name = self.path.lstrip("/").partition("/")
        self.server.calls[self.path] += 1
        first = self.server.calls[self.path] == 1
        self.server.ranges.append(self.headers.get("Range"))
        body = self.server.files[name]
        if how in ENDLESS:
            self.without_end(how)
        elif how in PACKINGS:
            self.packed(PACKINGS[how], body if name.endswith(".gz") else gzip.compress(body))
        else:
            self.whole(how, name, body, first=first)

    def whole(self, how, name, body, *, first):
        """Send what is asked for, with the mistakes that are asked for."""
        if how in {"404", "503"} or (how == "429" and first):
            return self.head(int(how), 0, {"Retry-After": "0" if how == "503" else "1"})
        if how == "loop":
            return self.head(302, 0, {"Location": self.path})
        if how == "redirect":
            return self.head(302, 0, {"Location": f"/good/{name}"})
        if how == "wrong" or (how == "wrong-first" and first):
            body = body[::-1]
        start = 0
        if (asked := self.headers.get("Range")) and how != "no-range":
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                return self.head(416, 0, {"Content-Range": f"bytes */{len(body)}"})
            self.head(206, len(body) - start, {"Content-Range": f"bytes {start}-/{len(body)}"})
        else:
            self.head(200, len(body), {})
        rest = body[start:]
        if how in {"cut", "stall", "no-range"}:
            some = (
                rest
                if how == "no-range" and not first
                else rest[: 100_000 if rest[100_000:] else None]
            )
            self.wfile.write(some)
            self.wfile.flush()
            if how == "stall" and len(some) < len(rest):
                self.rfile.read(1)  # until the client gives up
            self.close_connection = True
        elif how == "slow":
            for at in range(0, len(rest), 5_000):
                self.wfile.write(rest[at : at + 5_000])
                time.sleep(0.02)
        else:
            self.wfile.write(rest)
        return None

    def without_end(self, how):
        """Send for as long as the client listens, fast or a byte at a time."""
        status, wait, piece = ENDLESS[how]
        self.close_connection = True
        self.wfile.write(f"HTTP/1.1 {status} Well\r\nRetry-After: 0\r\n".encode())
        self.wfile.write(f"Location: /good/a.txt\r\n{'' if how == 'head' else CRLF}".encode())
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(piece)
                time.sleep(wait)

    def packed(self, packing, body):
        """Send a body, or the piece that is asked for, packed though nobody asked for that."""
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        whole = {"Content-Range": f"bytes {start}-/{len(body)}"} if start else {}
        self.head(206 if start else 200, len(body) - start, {"Content-Encoding": packing, **whole})
        self.wfile.write(body[start:])

    def head(self, code, length, headers):
        self.send_response(code)
        start = headers.get("Content-Range", "").removeprefix("bytes ")
        if start.endswith(f"-/{start.rpartition('/')[2]}"):
            total = int(start.rpartition("/")[2])
            headers["Content-Range"] = f"bytes {start.split('-')[0]}-{total - 1}/{total}"
        for key, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(key, value)
        self.end_headers()


@pytest.fixture
def server():
    own = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    own.handle_error = lambda *_: None  # a client that gives up is what some of the tests are about
    own.calls, own.ranges, own.files = Counter(), [], {"a.txt": DATA}
    own.heads, own.stated = Counter(), {}
    own.url = f"http://127.0.0.1:{own.server_port}"
    thread = threading.Thread(target=own.serve_forever, daemon=True)
    thread.start()
    yield own
    own.shutdown()
    own.server_close()


def toy(*files, **more):
    return Dataset(
        title="Toy",
        source="Toy",
        language="en",
        domain="toys",
        tasks=["NER"],
        reader={"name": "columns"},
        labels=Labels(entity={"PER": "person"}),
        id="toy",
        homepage="https://example.org/toy",
        **{"license": "CC0-1.0", "splits": {"train": Split([*files], {"records": 2})}, **more},
    )


def good(server, how="good", name="a.txt", **more):
    sha = hashlib.sha256(DATA).hexdigest()
    return File("a.txt", **{"sha256": sha, "url": f"{server.url}/{how}/{name}", **more})


def fetch(dataset, folder, mirror=None, network=PATIENT):
    errand = (dataset, folder / "toy", network, mirror, lambda *_: None, set(), set())
    return fetching.fetch(fetching.Errand(*errand))


def standing(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("how", ["good", "cut", "stall", "no-range", "redirect", "429"])
def test_the_right_bytes_arrive_all_the_same(server, tmp_path, how):
    network = PATIENT._replace(timeout=1) if how == "stall" else PATIENT
    outcome = fetch(toy(good(server, how)), tmp_path, network=network)

    assert outcome == (["a.txt"], [])
    assert (tmp_path / "toy/a.txt").read_bytes() == DATA
    assert standing(tmp_path) == {"toy/a.txt", "toy/manifest.toml"}
    manifest = tomllib.loads((tmp_path / "toy/manifest.toml").read_text(encoding="utf-8"))
    assert manifest["splits"]["train"]["counts"] == {"records": 2}
    if how in {"cut", "stall"}:
        starts = [int(r.removeprefix("bytes=").rstrip("-")) for r in server.ranges[1:]]
        assert len(starts) > 1
        assert 0 < starts[0] <= 100_000
        assert starts == sorted({*starts})
    if how == "429":
        assert server.calls["/429/a.txt"] == 2


def test_a_busy_server_is_given_the_time_that_it_asks_for(server, tmp_path):
    start = time.monotonic()
    fetch(toy(good(server, "429")), tmp_path)

    assert time.monotonic() - start >= 1


@pytest.mark.parametrize(
    ("how", "more", "words"),
    [
        ("wrong", {}, "these are other bytes"),
        ("404", {}, "the server answers 404"),
        ("good", {"bytes": 1000}, "more than the 1,000 bytes that are declared"),
        ("good", {"sha256": "0" * 64}, f"declared is {'0' * 64}"),
    ],
)
def test_nothing_wrong_ever_stands_under_a_final_name(server, tmp_path, how, more, words):
    outcome = fetch(toy(good(server, how, **more)), tmp_path)

    assert outcome.ready == []
    assert words in str(outcome.problems[0])
    assert "to do:" in str(outcome.problems[0])
    assert not {name for name in standing(tmp_path) if not name.startswith(".fetch/")}


def test_a_server_that_is_gone_is_told_and_asked_no_more(tmp_path):
    files = [File(f, sha256="0" * 64, url=f"http://127.0.0.1:9/{f}") for f in ("a.txt", "b.txt")]
    silent = set()

    errand = (toy(*files), tmp_path, PATIENT, None, lambda *_: None, silent, set())
    outcome = fetching.fetch(fetching.Errand(*errand))

    first, second = map(str, outcome.problems)
    assert "the download fails again and again" in first
    assert "this server does not answer" in second
    assert silent == {"127.0.0.1:9"}


def test_what_an_earlier_call_left_is_gone_on_with(server, tmp_path):
    def interrupted(_, done, __):
        if done > 150_000:
            raise KeyboardInterrupt

    dataset = toy(good(server))
    errand = (dataset, tmp_path / "toy", PATIENT, None, interrupted, set(), set())
    with pytest.raises(KeyboardInterrupt):
        fetching.fetch(fetching.Errand(*errand))
    assert not (tmp_path / "toy/a.txt").exists()

    assert fetch(dataset, tmp_path).ready == ["a.txt"]
    first, second = server.ranges
    assert first is None
    assert int(second.removeprefix("bytes=").rstrip("-")) > 150_000
    assert (tmp_path / "toy/a.txt").read_bytes() == DATA


@pytest.mark.parametrize(("kept", "asked"), [(DATA, 1), (DATA + b"more", 2)])
def test_a_part_that_is_as_long_as_the_file_is_looked_at(server, tmp_path, kept, asked):
    dataset = toy(good(server))
    part = f"{obtaining.short_name(dataset.splits['train'].files[0].url)}.part"
    (tmp_path / ".fetch/toy").mkdir(parents=True)
    (tmp_path / ".fetch/toy" / part).write_bytes(kept)

    assert fetch(dataset, tmp_path).ready == ["a.txt"]
    assert (tmp_path / "toy/a.txt").read_bytes() == DATA
    assert len(server.ranges) == asked


@pytest.mark.parametrize(
    ("how", "words"), [("503", "the server stays busy"), ("loop", "TooManyRedirects")]
)
def test_what_cannot_be_had_from_a_server_is_told(server, tmp_path, how, words):
    (problem,) = fetch(toy(good(server, how)), tmp_path).problems

    assert words in problem.what
    assert f"{server.url}/{how}/a.txt" in problem.where
    assert "--mirror" in problem.todo


def test_a_folder_that_cannot_be_written_is_told(server, tmp_path):
    (tmp_path / "toy").write_text("no folder")

    (problem,) = fetch(toy(good(server)), tmp_path).problems

    assert problem.what.startswith("the system refused: ")
    assert problem.where == str(tmp_path / "toy")


def test_folders_of_a_mirror_are_copied_and_lists_of_documents_kept(tmp_path):
    mirror = tmp_path / "mirror/toy/data"
    for name, content in FOLDER.items():
        path = mirror / name.removeprefix("top/data/")
        if name.startswith("top/data/"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    split = Split([File("data", sha256=tree_sha())], documents="splits/ace2005-dev.txt")
    dataset = toy(splits={"dev": split})

    assert fetch(dataset, tmp_path, str(tmp_path / "mirror")) == (["data"], [])
    assert standing(tmp_path / "toy/data") == {"x.txt", "sub/y.txt"}
    assert raw_files.edition(dataset, tmp_path)[1].splits["dev"].documents == split.documents
    # The split of which a file is gone is no longer said to be there.
    shutil.rmtree(tmp_path / "toy/data")
    (tmp_path / "toy/b.txt").touch()
    lacking = toy(splits={"dev": Split([*split.files, File("b.txt")])})
    assert fetch(lacking, tmp_path).ready == ["b.txt"]
    assert not (tmp_path / "toy/manifest.toml").exists()


def test_wrong_bytes_of_an_earlier_call_are_thrown_away(server, tmp_path):
    dataset = toy(good(server, "wrong-first"))
    part = f"{obtaining.short_name(dataset.splits['train'].files[0].url)}.part"
    (tmp_path / ".fetch/toy").mkdir(parents=True)
    (tmp_path / ".fetch/toy" / part).write_bytes(b"rubbish of an earlier edition")

    assert fetch(dataset, tmp_path).ready == ["a.txt"]
    assert (tmp_path / "toy/a.txt").read_bytes() == DATA
    assert server.ranges == ["bytes=29-", None]


def test_a_file_without_a_declared_hash_stays_aside(server, tmp_path):
    dataset = toy(good(server, sha256=None))

    outcome = fetch(dataset, tmp_path)

    sha = hashlib.sha256(DATA).hexdigest()
    assert f"no hash is declared for this file, its sha256 is {sha}" in str(outcome.problems[0])
    assert standing(tmp_path / "toy") == {"a.txt.unverified"}

    # Once it is declared, what lies aside is verified and takes its name, without a download.
    calls = server.calls.total()
    assert fetch(toy(good(server)), tmp_path).ready == ["a.txt"]
    assert standing(tmp_path / "toy") == {"a.txt", "manifest.toml"}
    assert server.calls.total() == calls


def blob(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def test_a_git_blob_id_verifies_as_a_sha256_does(server, tmp_path):
    (wrong,) = fetch(toy(good(server, sha256=None, git=blob(b"else"))), tmp_path).problems
    assert f"Git blob id is {blob(DATA)}, declared is {blob(b'else')}" in wrong.what
    assert standing(tmp_path) == set()

    dataset = toy(good(server, sha256=None, git=blob(DATA)))
    assert fetch(dataset, tmp_path).ready == ["a.txt"]
    folder, manifest = raw_files.edition(dataset, tmp_path)
    assert manifest.splits["train"].files[0].git == blob(DATA)
    assert raw_files.verified(folder, manifest.splits["train"])
    (tmp_path / "toy/a.txt").write_bytes(DATA[:-1])
    (problem,) = raw_files.faults(folder, manifest.splits["train"])
    assert "Git blob id is" in problem.what


def test_the_git_blob_id_is_that_of_git(tmp_path):
    for content in (b"", b"what is up, doc?", DATA):
        (tmp_path / "a").write_bytes(content)
        told = subprocess.run(
            ["git", "hash-object", tmp_path / "a"], capture_output=True, check=True
        )
        assert raw_files.git_blob(tmp_path / "a") == told.stdout.decode().strip()


def test_a_folder_has_no_git_blob_id(tmp_path):
    (problem,) = raw_files.faults(tmp_path.parent, Split([File(tmp_path.name, git="0" * 40)]))

    assert "a folder has no Git blob id" in problem.what


def test_the_hash_of_an_archive_verifies_its_members(server, tmp_path):
    packed = server.files["x.tgz"] = tarred()
    url = f"{server.url}/good/x.tgz#top/other.txt"
    right = hashlib.sha256(packed).hexdigest()
    (problem,) = fetch(toy(File("o.txt", url=url, archive_sha256="0" * 64)), tmp_path).problems
    assert f"sha256 of the archive is {right}, declared is {'0' * 64}" in problem.what

    dataset = toy(File("o.txt", url=url, archive_sha256=right))
    assert fetch(dataset, tmp_path) == (["o.txt"], [])
    # What came out of it is written down, and holds from now on.
    (file,) = raw_files.edition(dataset, tmp_path)[1].splits["train"].files
    assert file.sha256 == hashlib.sha256(b"three").hexdigest()
    (tmp_path / "toy/o.txt").write_bytes(b"four")
    (problem,) = fetch(dataset, tmp_path).problems
    assert "other bytes than declared stand here" in problem.what


@pytest.mark.parametrize("stated", ["sha256", "git", "other", "other commit", "nothing"])
def test_a_server_may_state_the_hash_of_a_file_at_a_commit(server, tmp_path, monkeypatch, stated):
    """As the Hugging Face Hub does: of large files the sha256, of others the Git blob id."""
    tag = {"sha256": hashlib.sha256(DATA).hexdigest(), "other": "0" * 64}.get(stated, blob(DATA))
    commit = "1" * 40 if stated == "other commit" else "c" * 40
    name = "X-Linked-Etag" if stated == "sha256" else "ETag"
    server.files[f"{'c' * 40}/a.txt"] = DATA
    told = {} if stated == "nothing" else {"X-Repo-Commit": commit, name: f'"{tag}"'}
    server.stated["hub"] = lambda _: told
    there = declaration.re.compile(rf"{server.url}/hub/[0-9a-f]{{40}}/")
    monkeypatch.setattr(declaration, "_PINNED", there)
    file = good(server, "hub", f"{'c' * 40}/a.txt", sha256=None)
    assert file.verified_by == "revision"

    outcome = fetch(toy(file), tmp_path)

    if stated in {"sha256", "git"}:
        assert outcome == (["a.txt"], [])
        (written,) = raw_files.edition(toy(file), tmp_path)[1].splits["train"].files
        assert written.sha256 == hashlib.sha256(DATA).hexdigest()
    else:
        words = "these are other bytes" if stated == "other" else "no hash is declared"
        assert words in str(outcome.problems[0])
        assert not (tmp_path / "toy/a.txt").exists()


def test_addresses_are_tried_in_order(server, tmp_path):
    server.files["x.tgz"] = tarred()
    urls = [f"{server.url}/404/a.txt", f"{server.url}/wrong/a.txt", f"{server.url}/good/a.txt"]
    assert fetch(toy(good(server, url=urls)), tmp_path) == (["a.txt"], [])
    assert [*server.calls] == ["/404/a.txt", "/wrong/a.txt", "/good/a.txt"]

    three = hashlib.sha256(b"three").hexdigest()
    archive = [f"{server.url}/404/a.txt", f"{server.url}/good/x.tgz#top/other.txt"]
    assert fetch(toy(File("o.txt", sha256=three, url=archive)), tmp_path).ready == ["o.txt"]

    (problem,) = fetch(toy(good(server, url=urls[:2])), tmp_path / "b").problems
    assert "none of its 2 addresses has the file" in problem.what
    assert all(words in problem.what for words in ("answers 404", "other bytes", *urls[:2]))


def test_addresses_are_asked_for_their_heads_alone(server):
    server.files["x.tgz"] = tarred()
    names = ("good", "404", "no-head", "redirect")
    files = [good(server, how, bytes=len(DATA)) for how in names]
    files += [good(server, bytes=5), File("o", url=f"{server.url}/good/x.tgz#top", bytes=3)]
    files += [File("gone", url=["http://127.0.0.1:9/a", f"{server.url}/good/a.txt"])]

    answers = {a.address: a for a in checking.check(toy(*files), PATIENT)}

    assert len(answers) == 6  # each address once
    assert answers[f"{server.url}/good/a.txt"].bytes == len(DATA)
    assert answers[f"{server.url}/good/x.tgz"].problem is None
    assert answers[f"{server.url}/no-head/a.txt"].problem is None
    assert answers[f"{server.url}/redirect/a.txt"].sent_on_to == f"localhost:{server.server_port}"
    assert "the server answers 404" in answers[f"{server.url}/404/a.txt"].problem.what
    assert "cannot be reached" in answers["http://127.0.0.1:9/a"].problem.what
    assert [*server.calls] == ["/no-head/a.txt"]
    (other,) = checking.check(toy(good(server, bytes=5)), PATIENT)
    assert f"the file has {len(DATA):,} bytes there, declared are 5" in other.problem.what


def publish(server, monkeypatch, tmp_path):
    """A Hub with two sets: one for training whose dev split is empty, one that is held out."""
    commit = "c" * 40
    rows = [{"text": f"Ada {n} fell", "entity": [{"entity": "Ada", "entity_type": "person"}]}
            for n in range(3)]  # fmt: skip
    event = {"event_type": "盗窃", "event_trigger": "偷", "arguments": []}
    texts = {
        "IE-en/NER/Toy/schema.json": '["person"]\n[]\n{}',
        "IE-en/NER/Toy/train.json": "\n".join(map(json.dumps, rows)),
        "IE-en/NER/Toy/dev.json": "",
        "IE-zh/EE/law/schema.json": '["盗窃"]\n["地点"]\n{"盗窃": ["地点"]}',
        "IE-zh/EE/law/test.json": json.dumps({"text": "他偷了一辆车。", "event": [event]}),
    }
    server.files |= {f"{commit}/{name}": text.encode() for name, text in texts.items()}
    server.stated["hub"] = lambda body: {"X-Repo-Commit": commit, "ETag": f'"{blob(body)}"'}
    there = declaration.re.compile(rf"{server.url}/(hub|wrong)/[0-9a-f]{{40}}/")
    monkeypatch.setattr(declaration, "_PINNED", there)
    monkeypatch.setattr(unified, "_FILE", tmp_path / "iepile.toml")
    (tmp_path / "iepile.toml").write_text(
        f'address = "{server.url}/hub/{commit}"\nlicense = "CC-BY-NC-SA-4.0"\n'
        'license_url = "https://e.org"\nrestrictions = ["non-commercial"]\nlicense_note = ""\n'
        '[train]\n"IE-en/NER" = ["Toy"]\n[held-out]\n"IE-zh/EE" = ["law"]\n'
    )


def test_the_edition_of_iepile_is_fetched_and_imported(server, tmp_path, capsys, monkeypatch):
    publish(server, monkeypatch, tmp_path)
    monkeypatch.chdir(tmp_path)

    assert cli.main(["fetch", "--edition", "iepile"]) == 0

    told = "".join(capsys.readouterr())
    assert "iepile-ner-toy: nothing is published for dev, test" in told
    assert "iepile-ner-toy: license CC-BY-NC-SA-4.0 (non-commercial)" in told
    assert "iepile-ner-toy: 3 records imported" in told
    law = catalog.load("iepile-ee-law")
    assert (law.use, law.language, law.names("event")) == ("held-out", "zh", {"盗窃": "盗窃"})
    assert (law.license, law.restrictions) == ("CC-BY-NC-SA-4.0", ["non-commercial"])
    folder, manifest = raw_files.edition(catalog.load("iepile-ner-toy"), tmp_path / "raw/iepile")
    assert raw_files.verified(folder, manifest.splits["train"])
    assert not standing(tmp_path / "raw/iepile/.unified")

    calls = server.calls.total()
    assert cli.main(["fetch", "--edition", "iepile", "--only", "law"]) == 0
    assert "iepile-ee-law: is there already" in "".join(capsys.readouterr())
    assert server.calls.total() == calls
    with pytest.raises(DeclarationError, match="did you mean 'law'"):
        unified.sets(["lav"])


def test_an_edition_of_other_bytes_is_not_imported(server, tmp_path, capsys, monkeypatch):
    publish(server, monkeypatch, tmp_path)
    server.stated["hub"] = lambda _: {"X-Repo-Commit": "c" * 40, "ETag": f'"{"0" * 40}"'}
    monkeypatch.chdir(tmp_path)

    assert cli.main(["fetch", "--edition", "iepile", "--only", "law"]) == 1
    assert "these are other bytes" in "".join(capsys.readouterr())
    assert not (tmp_path / "catalog").exists()
    assert cli.main(["fetch", "--edition", "iepile", "--check"]) == 1


def test_a_set_that_cannot_be_imported_does_not_stop_the_others(
    server, tmp_path, capsys, monkeypatch
):
    publish(server, monkeypatch, tmp_path)
    server.files[f"{'c' * 40}/IE-en/NER/Toy/schema.json"] = b"no schema"
    monkeypatch.chdir(tmp_path)

    assert cli.main(["fetch", "--edition", "iepile"]) == 1
    told = "".join(capsys.readouterr())
    assert "iepile-ner-toy: not JSON lines" in told
    assert "iepile-ee-law: 1 record imported" in told


def test_an_edition_of_a_server_that_is_gone_ends_at_once(tmp_path, capsys, monkeypatch, server):
    publish(server, monkeypatch, tmp_path)
    there = (tmp_path / "iepile.toml").read_text()
    (tmp_path / "iepile.toml").write_text(there.replace(server.url, "http://127.0.0.1:9"))
    monkeypatch.chdir(tmp_path)

    assert cli.main(["fetch", "--edition", "iepile"]) == 1
    assert "".join(capsys.readouterr()).count("cannot be reached") == 1


def test_the_published_sets_are_those_of_the_corpus():
    """All 33 for training but ACE 2005 (NER and EE), and those held out, each at a commit."""
    found = unified.sets()

    assert len({dataset.id for dataset in found}) == len(found) == 78
    assert sum(dataset.use == "train" for dataset in found) == 31
    files = [f for d in found for split in d.splits.values() for f in split.files]
    assert {file.verified_by for file in files} == {"revision"}
    assert {"ccf_law", "SKE2020", "FabNER", "FindVehicle"} <= {d.source for d in found}


def test_other_bytes_of_the_user_are_left_alone(server, tmp_path):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy/a.txt").write_text("mine")

    outcome = fetch(toy(good(server)), tmp_path)

    assert "other bytes than declared stand here" in str(outcome.problems[0])
    assert (tmp_path / "toy/a.txt").read_text() == "mine"


def test_how_to_get_what_cannot_be_downloaded(tmp_path):
    licensed = toy(File("a.txt"), access="licensed", access_note="Ask Bo\nfor it.")
    gone = toy(File("a.txt"), access="unavailable", access_note="It was withdrawn.")

    told = [str(fetch(d, tmp_path).problems[0]) for d in (licensed, gone, toy(File("a.txt")))]

    assert "handed out under a license" in told[0]
    assert "Ask Bo for it. It belongs in" in told[0]
    assert "this cannot be had" in told[1]
    assert "https://example.org/toy" in told[2]


def test_the_manifest_lists_the_complete_splits(server, tmp_path):
    dataset = toy(
        good(server), splits={"train": Split([File("t.txt")]), "dev": Split([good(server)])}
    )

    outcome = fetch(dataset, tmp_path)

    assert outcome.ready == ["a.txt"]
    folder, manifest = raw_files.edition(dataset, tmp_path)
    assert [*manifest.splits] == ["dev"]
    assert raw_files.verified(folder, manifest.splits["dev"])

    (tmp_path / "toy/t.txt").write_text("placed by hand")
    assert fetch(dataset, tmp_path).problems == []
    assert [*raw_files.edition(dataset, tmp_path)[1].splits] == ["train", "dev"]


def test_a_manifest_of_the_user_is_left_alone(server, tmp_path):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy/manifest.toml").write_text("note = 'mine'")

    fetch(toy(good(server)), tmp_path)

    assert (tmp_path / "toy/manifest.toml").read_text() == "note = 'mine'"


FOLDER = {"top/data/x.txt": b"one", "top/data/sub/y.txt": b"two", "top/other.txt": b"three"}


def tarred(extra=()):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as packed:
        for name, content in FOLDER.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
        for info in extra:
            packed.addfile(info)
    return out.getvalue()


def zipped(extra=None):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, content in {**FOLDER, **(extra or {})}.items():
            packed.writestr(name, content)
    return out.getvalue()


def tree_sha():
    lines = [
        f"{hashlib.sha256(content).hexdigest()}  {name.removeprefix('top/data/')}\n"
        for name, content in sorted(FOLDER.items())
        if name.startswith("top/data/")
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@pytest.mark.parametrize("pack", [tarred, zipped])
def test_members_of_an_archive(server, tmp_path, pack):
    server.files["x.tgz"] = pack()
    url = f"{server.url}/good/x.tgz"
    other = hashlib.sha256(b"three").hexdigest()
    dataset = toy(
        File("data", sha256=tree_sha(), url=f"{url}#top/data"),
        File("docs/o.txt", sha256=other, url=f"{url}#top/other.txt"),
    )

    assert fetch(dataset, tmp_path) == (["data", "docs/o.txt"], [])
    assert standing(tmp_path) == {
        *("toy/data/x.txt", "toy/data/sub/y.txt", "toy/docs/o.txt", "toy/manifest.toml")
    }
    assert server.calls.total() == 1


def link(name, target):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (tarred([tarfile.TarInfo("top/data/../../../evil")]), "the archive holds the path"),
        (tarred([tarfile.TarInfo("/evil")]), "the archive holds the path"),
        (zipped({"../evil": b"x"}), "the archive holds the path"),
        (tarred()[:-40], "cannot unpack"),
        (zipped()[:-40], "cannot unpack"),
        (b"no archive at all", "cannot unpack"),
        (b"", "cannot unpack"),
    ],
)
def test_a_broken_or_hostile_archive_is_refused(tmp_path, content, words):
    (tmp_path / "x").write_bytes(content)
    before = {*tmp_path.parent.rglob("evil*")}  # other tests leave such files beside

    with pytest.raises(archives.ArchiveError, match=words):
        archives.unpack(tmp_path / "x", "top/data", tmp_path / "inside/out")

    assert {*tmp_path.parent.rglob("evil*")} == before


def test_links_elsewhere_are_passed_over_and_bombs_are_stopped(tmp_path):
    (tmp_path / "x").write_bytes(tarred([link("top/l", "/etc/passwd"), link("top/data2", "..")]))

    archives.unpack(tmp_path / "x", "top/data", tmp_path / "out")
    assert standing(tmp_path / "out") == {"x.txt", "sub/y.txt"}
    assert not [p for p in (tmp_path / "out").rglob("*") if p.is_symlink()]

    with pytest.raises(archives.ArchiveError, match="over 3 bytes"):
        archives.unpack(tmp_path / "x", "top/data", tmp_path / "again", most=3)
    with pytest.raises(archives.ArchiveError, match="has no 'top/nothing'"):
        archives.unpack(tmp_path / "x", "top/nothing", tmp_path / "none")


def test_a_mirror_takes_the_place_of_the_web(server, tmp_path):
    mirror = tmp_path / "mirror/toy"
    (mirror / "data").mkdir(parents=True)
    (mirror / "a.txt").write_bytes(DATA)
    (mirror / "x.tgz").write_bytes(tarred())
    (mirror / "licensed.txt").write_bytes(b"secret")
    secret = hashlib.sha256(b"secret").hexdigest()
    url = "https://nowhere.invalid/x.tgz"
    dataset = toy(
        good(server),
        File("docs/data", sha256=tree_sha(), url=f"{url}#top/data"),
        File("licensed.txt", sha256=secret),
    )

    outcome = fetch(dataset, tmp_path, str(tmp_path / "mirror"))
    assert outcome == (["a.txt", "docs/data", "licensed.txt"], [])
    assert server.calls.total() == 0

    server.files |= {"toy/a.txt": DATA, "toy/x.tgz": tarred(), "toy/docs/data": b"no folder"}
    server.files["toy/licensed.txt"] = b"secret"
    outcome = fetch(dataset, tmp_path / "b", f"{server.url}/good")
    assert outcome == (["a.txt", "docs/data", "licensed.txt"], [])


def test_a_mirror_without_or_with_wrong_files(server, tmp_path):
    (tmp_path / "mirror/toy").mkdir(parents=True)
    lacking = fetch(toy(good(server)), tmp_path, str(tmp_path / "mirror"))
    (tmp_path / "mirror/toy/a.txt").write_bytes(b"wrong")
    wrong = fetch(toy(good(server)), tmp_path, str(tmp_path / "mirror"))

    assert "the mirror has no such file" in str(lacking.problems[0])
    assert "these are other bytes" in str(wrong.problems[0])
    assert not (tmp_path / "toy").exists() or not standing(tmp_path / "toy")


@pytest.mark.parametrize(
    ("name", "more"), [("a.txt", {}), ("a.txt#top", {}), ("a.txt#top", {"bytes": 300_000})]
)
def test_a_body_without_an_end_is_cut_off(server, tmp_path, monkeypatch, name, more):
    monkeypatch.setattr(http, "MOST", 1 << 20)

    (problem,) = fetch(toy(good(server, "flood", name, **more)), tmp_path).problems

    assert "more than 1,048,576 bytes, the most that is taken of a file" in problem.what
    assert standing(tmp_path) == set()


@pytest.mark.parametrize(
    ("how", "words"), [("flood-404", "answers 404"), ("flood-503", "stays busy")]
)
def test_what_a_server_says_beside_the_file_is_not_read(server, tmp_path, how, words):
    (problem,) = fetch(toy(good(server, how)), tmp_path).problems
    assert words in problem.what

    assert fetch(toy(good(server, "flood-302")), tmp_path).ready == ["a.txt"]


@pytest.mark.parametrize("how", ["drip", "head"])
def test_a_byte_now_and_then_does_not_hold_a_download(server, tmp_path, how):
    network = PATIENT._replace(timeout=0.3, attempts=2)

    (problem,) = fetch(toy(good(server, how)), tmp_path, network=network).problems

    assert "the server sends nothing, or hardly anything" in problem.what
    assert server.calls.total() == 2


def test_a_file_that_is_packed_itself_stays_so(server, tmp_path):
    packed = server.files["a.gz"] = gzip.compress(b"rows")
    file = good(server, "gzip", "a.gz", sha256=hashlib.sha256(packed).hexdigest())

    assert fetch(toy(file), tmp_path) == (["a.txt"], [])
    (problem,) = fetch(toy(good(server, "gzip")), tmp_path / "b").problems
    assert "these are other bytes" in problem.what


def test_a_disk_is_not_filled(server, tmp_path, monkeypatch):
    free = SimpleNamespace(free=(100 << 20) + 200_000)
    monkeypatch.setattr(http.shutil, "disk_usage", lambda _: free)

    (problem,) = fetch(toy(good(server)), tmp_path).problems
    assert "105,057,600 bytes are free on this disk" in problem.what

    free.free += 200_000
    assert fetch(toy(good(server)), tmp_path).ready == ["a.txt"]


def test_a_raw_folder_may_be_a_link_to_another_disk(server, tmp_path, monkeypatch):
    rename = Path.rename

    def elsewhere(path, target):
        if ".fetch" in path.parts and ".fetch" not in Path(target).parts:
            raise OSError(errno.EXDEV, "Invalid cross-device link", str(path))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", elsewhere)
    server.files["x.tgz"] = tarred()
    url = f"{server.url}/good/x.tgz"
    folder = File("data", sha256=tree_sha(), url=f"{url}#top/data")
    (tmp_path / "disk").mkdir()
    (tmp_path / "toy").symlink_to("disk")

    assert fetch(toy(good(server), folder), tmp_path) == (["a.txt", "data"], [])
    assert standing(tmp_path / "disk") == {"a.txt", "data/x.txt", "data/sub/y.txt", "manifest.toml"}
    assert not (tmp_path / ".fetch").exists() or standing(tmp_path / ".fetch") == set()
    (problem,) = fetch(toy(good(server, sha256=None)), tmp_path / "b").problems
    assert "no hash is declared" in problem.what


def test_ctrl_c_tells_what_is_kept(tmp_path, capsys, monkeypatch):
    def interrupted(_, __, part, *___):
        part.write_bytes(DATA[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr(obtaining, "download", interrupted)

    assert cli.main(["fetch", "wnut2017", "--raw", str(tmp_path)]) == 130
    assert "run the same command again to resume" in capsys.readouterr().err
    assert [name for name in standing(tmp_path / ".fetch") if name.endswith(".part")]


SCRIPT = """
import sys
from pathlib import Path
from pipeline import fetching
from pipeline.fetching.http import Network
from tests.fetching.test_fetching import good, toy
class server: url = sys.argv[1]
dataset, folder = toy(good(server, "slow")), Path(sys.argv[2]) / "toy"
errand = (dataset, folder, Network(), None, print, set(), set())
fetching.fetch(fetching.Errand(*errand))
"""


def test_killed_at_any_moment_it_ends_right(server, tmp_path):
    final = tmp_path / "toy/a.txt"
    command = [sys.executable, "-c", SCRIPT, server.url, str(tmp_path)]
    moments = random.Random(3)
    kills = 0
    for _ in range(20):
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        process.stdout.readline()
        try:
            process.wait(moments.uniform(0.05, 0.5))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate()
        if final.exists():
            break
        assert not (tmp_path / "toy").exists() or not standing(tmp_path / "toy")

    assert final.read_bytes() == DATA
    assert kills > 1
    assert any(r and r != "bytes=0-" for r in server.ranges)


def test_the_command(server, tmp_path, capsys, monkeypatch):
    free = {"license": "CC0-1.0", "restrictions": ["non-commercial"]}
    datasets = {"toy": toy(good(server), license_url="https://example.org/l", **free)}
    datasets |= {"deed": toy(File("x"), access="licensed")}
    datasets["deed"].access_note, datasets["deed"].id = "Ask Bo.", "deed"
    monkeypatch.setattr(catalog, "load", lambda name: datasets[name])
    monkeypatch.setattr(catalog, "ids", lambda: [*datasets])

    assert cli.main(["fetch", "--all-open", "--raw", str(tmp_path)]) == 0
    assert (tmp_path / "toy/a.txt").read_bytes() == DATA
    assert cli.main(["fetch", "toy", "deed", "--raw", str(tmp_path)]) == 1

    told = "".join(capsys.readouterr())
    assert "toy: license CC0-1.0 (non-commercial), https://example.org/l" in told
    assert "toy: 1 file ready" in told
    assert "Ask Bo. It belongs in" in told

    calls = server.calls.total()
    assert cli.main(["fetch", "--check", "--all-open"]) == 0
    assert f"toy: {server.url}/good/a.txt: 300,000 bytes" in capsys.readouterr().out
    datasets["toy"] = toy(good(server), good(server, "404"))
    assert cli.main(["fetch", "--check", "toy"]) == 1
    assert "the server answers 404" in "".join(capsys.readouterr())
    assert server.calls.total() == calls
