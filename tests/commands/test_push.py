"""`iepile push`, with a server in place of the Hub: what is uploaded, refused and said."""

import base64
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pyarrow as pa
import pytest

from pipeline.execution import shards
from tests.conftest import ROOT

REPOSITORY = "ada/corpus"


class Hub(BaseHTTPRequestHandler):
    """The few answers of the Hub that an upload needs."""

    def log_message(self, *_):
        pass

    def _answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path = urlsplit(self.path).path
        self.server.asked.append(("GET", path))
        if "/tree/" in path:
            file = {"type": "file", "size": 1, "oid": "0" * 40}
            return self._answer(200, [file | {"path": name} for name in self.server.present])
        return self._answer(200, {"id": REPOSITORY, "private": self.server.private})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        path = urlsplit(self.path).path
        self.server.asked.append(("POST", path))
        if self.server.refuse:
            return self._answer(self.server.refuse, {"error": "no"})
        if path == "/api/repos/create":
            self.server.created.append(json.loads(body))
            return self._answer(200, {"url": f"{self.server.url}/datasets/{REPOSITORY}"})
        if "/preupload/" in path:
            asked = json.loads(body)["files"]
            modes = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in asked
            ]
            return self._answer(200, {"files": modes})
        if "/commit/" in path:
            for line in map(json.loads, body.splitlines()):
                self.server.commits.append(line)
            url = f"{self.server.url}/datasets/{REPOSITORY}/commit/1"
            return self._answer(200, {"commitUrl": url, "commitOid": "1" * 40, "hookOutput": ""})
        return self._answer(200, {})


@pytest.fixture
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.url = f"http://127.0.0.1:{server.server_port}"
    server.refuse, server.present, server.private = 0, [], True
    server.asked, server.created, server.commits = [], [], []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def corpus(folder, *datasets, invented=()):
    """A corpus of one row of each of these datasets."""
    rows = [{"record_id": f"{name}/train/0", "task": "NER"} for name in datasets]
    path = folder / "corpus" / "NER-en" / "train-00000-of-00001.parquet"
    shards.write(pa.Table.from_pylist(rows), path)
    card = f"---\nedition:\n  invented: {json.dumps([*invented])}\n---\n# A corpus\n"
    (folder / "corpus" / "README.md").write_text(card, encoding="utf-8")
    return folder / "corpus"


def push(where, url, *options, token="secret"):
    command = [sys.executable, "-m", "pipeline", "push", REPOSITORY, "--corpus", str(where)]
    home = str(where.parent / "home")
    environment = {**os.environ, "HF_ENDPOINT": url, "HF_HOME": home, "HF_HUB_DISABLE_XET": "1"}
    environment.pop("HF_TOKEN", None)
    if token:
        environment["HF_TOKEN"] = token
    return subprocess.run(
        [*command, *options], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_the_whole_folder_is_uploaded(hub, tmp_path):
    folder = corpus(tmp_path, "wnut2017")
    hub.present = ["NER-en/train-00001-of-00002.parquet", ".gitattributes"]

    done = push(folder, hub.url, "--private")

    assert done.returncode == 0, done.stderr
    assert f"uploaded: {hub.url}/datasets/{REPOSITORY}" in done.stderr
    (created,) = hub.created
    assert created == {
        "name": "corpus",
        "organization": "ada",
        "type": "dataset",
        "visibility": "private",
    }
    files = {c["value"]["path"]: c["value"]["content"] for c in hub.commits if c["key"] == "file"}
    assert {name: base64.b64decode(content) for name, content in files.items()} == {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    gone = [c["value"]["path"] for c in hub.commits if c["key"] == "deletedFile"]
    assert gone == ["NER-en/train-00001-of-00002.parquet"]


@pytest.mark.parametrize(
    ("datasets", "invented", "option", "words"),
    [
        (["wnut2017"], ["wnut2017"], "--allow-sample", "All texts are invented"),
        (["wnut2017", "phee"], ["phee"], "--allow-sample", "1 of 2 datasets (phee)"),
        (["ace2005", "wnut2017"], [], "--allow-licensed", "the licenses of ace2005 do not let"),
    ],
)
def test_what_must_not_be_handed_on_is_refused(hub, tmp_path, datasets, invented, option, words):
    folder = corpus(tmp_path, *datasets, invented=invented)

    refused = push(folder, hub.url)

    assert refused.returncode == 1
    assert words in refused.stderr
    assert option in refused.stderr
    assert hub.asked == []
    assert push(folder, hub.url, option).returncode == 0
    assert hub.commits


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_what_the_hub_refuses_is_said_in_words(hub, tmp_path, status):
    hub.refuse = status

    done = push(corpus(tmp_path, "wnut2017"), hub.url)

    assert done.returncode == 1
    assert f"the Hub answers {status}" in done.stderr
    assert "your token is valid and may write there" in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


def test_without_a_token_a_network_or_a_corpus(hub, tmp_path):
    folder = corpus(tmp_path, "wnut2017")

    assert "not logged in" in push(folder, hub.url, token="").stderr
    assert hub.asked == []
    assert "cannot be reached" in push(folder, "http://127.0.0.1:9").stderr
    (folder / "README.md").unlink()
    assert "there is no corpus here" in push(folder, hub.url).stderr


def test_a_public_repository_is_not_taken_for_a_private_one(hub, tmp_path):
    hub.private = False

    done = push(corpus(tmp_path, "wnut2017"), hub.url, "--private")

    assert done.returncode == 1
    assert "this repository is public" in done.stderr
    assert hub.commits == []
