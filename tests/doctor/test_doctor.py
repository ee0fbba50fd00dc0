"""`iepile doctor`: what it finds, what it tells to do, and that nothing needs to be installed."""

import json
import os
import pwd
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline import catalog, cli
from pipeline.doctor import system
from pipeline.errors import DeclarationError
from pipeline.execution import machine
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DEPENDENCIES = len(PROJECT["dependencies"])
#: Runs `iepile doctor` in a Python that lacks one module, and the package that has it.
BLOCKED = """
import sys
from importlib import metadata
module, package, version = {module!r}, {package!r}, metadata.version
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == module:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
def known(name):
    if name == package:
        raise metadata.PackageNotFoundError(name)
    return version(name)
sys.meta_path.insert(0, Blocker())
metadata.version = known
from pipeline.cli import main
code = main({arguments!r})
print(*sys.modules, file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A project folder with the sample edition of one dataset."""
    shutil.copytree(ROOT / "raw/sample/wnut2017", tmp_path / "raw/sample/wnut2017")
    monkeypatch.chdir(tmp_path)
    write()
    return tmp_path


def write(text="raw: raw/sample\ndatasets:\n  - wnut2017\n"):
    Path("params.yaml").write_text(text, encoding="utf-8")


def doctor(capsys, *arguments):
    """The exit code, and the checks by their state and subject."""
    code = cli.main(["doctor", "--json", *arguments])
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert err == ""
    assert told["ready"] == (code == 0)
    assert (code == 0) == all(check["state"] != "wrong" for check in told["checks"])
    assert all(check["todo"] for check in told["checks"] if check["state"] == "wrong")
    found = {}
    for check in told["checks"]:
        found.setdefault((check["state"], check["subject"]), []).append(check)
    return code, found


@pytest.mark.usefixtures("in_project")
def test_a_sound_project_is_called_sound(capsys):
    code, found = doctor(capsys)

    assert code == 0
    (packages,) = found["ok", "packages"]
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    named = packages["found"].replace("+cpu", "").split(", ")
    assert len(named) == DEPENDENCIES
    assert {
        name.replace(" ", "==").lower().replace("ruamel-yaml", "ruamel.yaml") for name in named
    } <= {pin.lower().replace("_", "-") for pin in pins}
    for subject in ("Python", "git", "DVC", "params.yaml", "catalog", "raw/sample/"):
        assert ("ok", subject) in found


@pytest.mark.usefixtures("in_project")
def test_the_table_says_how_to_get_what_is_missing(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")

    assert cli.main(["doctor", "--params", "nowhere.yaml"]) == 1

    lines = capsys.readouterr().out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("WRONG  nowhere.yaml"))
    assert "cannot read the parameters: there is no such file" in lines[at]
    assert lines[at + 1].strip().startswith("-> run in the project folder")
    assert lines[0] == "fix 1 thing first, marked WRONG below"


def ran(*options):
    return subprocess.run(
        [sys.executable, *options], capture_output=True, text=True, check=False, cwd=ROOT
    )


def blocked(module, package, *arguments):
    return ran("-c", BLOCKED.format(module=module, package=package, arguments=[*arguments]))


def test_it_runs_where_nothing_is_installed():
    done = ran("-S", "-m", "pipeline", "doctor", "--json")  # without site-packages

    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    checks = {check["subject"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks["packages"]["state"] == "wrong"
    assert len(checks["packages"]["found"].split(", ")) == DEPENDENCIES
    assert "numpy" in checks["packages"]["found"]
    assert checks["packages"]["todo"].endswith("pip install -c constraints.txt -e .")
    assert checks["extra ray"] == {
        "subject": "extra ray",
        "state": "note",
        "found": "missing: ray",
        "todo": "in the project folder: pip install -c constraints.txt -e '.[ray]'",
    }
    assert checks["parameters and data"]["found"].endswith("while the package msgspec is missing")
    assert {"Python", "git", "DVC", "cores", "memory", "disk"} <= {*checks}


@pytest.mark.parametrize(
    ("module", "package"),
    [("pandas", "pandas"), ("faiss", "faiss-cpu"), ("ruamel", "ruamel-yaml")],
)
def test_one_package_that_is_missing_is_named(module, package):
    done = blocked(module, package, "doctor", "--json")

    assert done.returncode == 1, done.stderr
    found = [c["found"] for c in json.loads(done.stdout)["checks"] if c["state"] == "wrong"]
    assert found[0] == f"missing: {package}"
    # params.yaml cannot be read without the package that reads YAML.
    unread = f"cannot be read while the package {module} is missing"
    assert found[1:] == ([unread] if module == "ruamel" else [])
    heavy = {"torch", "datasets", "faiss", "nltk", "ray", "pandas", "sklearn", "scipy", "rich"}
    assert heavy & {*done.stderr.split()} == set()


def test_other_commands_point_to_it_when_a_package_is_missing():
    done = blocked("pyarrow", "pyarrow", "clean", "wnut2017")

    assert done.returncode == 1
    assert "error: the package 'pyarrow' is not installed" in done.stderr
    assert "`iepile doctor` says what is missing" in done.stderr
    assert "Traceback" not in done.stderr


def test_versions_and_python_are_compared_with_what_is_wanted(tmp_path):
    text = '[project]\nrequires-python = ">=3.99"\ndependencies = ["numpy", "No.Such_package>=2"]\n'
    (tmp_path / "pyproject.toml").write_text(f"{text}[project.optional-dependencies]\n")
    (tmp_path / "constraints.txt").write_text("numpy==0.1\nno-such-package==2\n")

    python, missing, other = system.installation(tmp_path)

    assert (python.state, python.todo) == ("wrong", "make .venv again with Python >=3.99")
    assert (missing.state, missing.found) == ("wrong", "missing: no-such-package")
    assert other.state == "note"
    assert other.found.startswith("other versions than pinned: numpy ")
    assert other.found.endswith("(pinned: 0.1)")


def test_without_the_project_the_installation_is_looked_at(tmp_path, monkeypatch):
    python, found, *extras = system.installation(tmp_path)

    assert (python.state, found.state) == ("ok", "ok")
    assert len(found.found.split(", ")) == DEPENDENCIES
    assert {e.subject for e in extras} == {f"extra {e}" for e in PROJECT["optional-dependencies"]}

    def nothing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", nothing)
    (check,) = system.installation(tmp_path)
    assert check.state == "wrong"
    assert check.todo == "run it from a clone, or install the package"


@pytest.mark.parametrize(
    ("params", "state", "words"),
    [
        ("datasets: [wnut2018]", "wrong", "unknown datasets: wnut2018"),
        ("datasets: []", "wrong", "it names no dataset"),
        ("datasets: {wnut2017: {reader: brat}}", "wrong", "datasets: it must be a list"),
        ("instruct: {sead: 1}", "wrong", "unknown key 'sead'"),
        ("a: [", "wrong", "params.yaml"),
    ],
)
@pytest.mark.usefixtures("place")
def test_parameters_are_read(params, state, words, capsys):
    write(params)

    code, found = doctor(capsys)

    told = found[state, "params.yaml"]
    assert words in str(told)
    assert code == (state == "wrong")


def test_raw_files_are_looked_for_one_by_one(place, capsys):
    code, found = doctor(capsys)
    assert code == 0
    assert found["ok", "raw/sample/"][0]["found"] == "complete datasets in use: 1 of 1"

    (place / "raw/sample/wnut2017/emerging.dev.conll").unlink()
    code, found = doctor(capsys)
    assert code == 1
    (check,) = found["wrong", "raw/sample/wnut2017"]
    assert check["found"] == "files missing: 1 of 3, such as emerging.dev.conll"
    assert "git checkout -- raw/sample/wnut2017" in check["todo"]


def test_a_private_folder_may_lack_datasets_but_no_halves(place, capsys):
    files = '[splits.train]\nfiles = [{path = "a.txt", bytes = 3}, {path = "b.txt"}]\n'
    own = place / "mine" / "wnut2017"
    own.mkdir(parents=True)
    (own / "manifest.toml").write_text(files)
    write("raw: mine\ndatasets:\n  - wnut2017\n  - ace2005\n")
    _, found = doctor(capsys)
    assert "LDC2006T06" in found["wrong", "mine/ace2005"][0]["todo"]

    def check():
        code, found = doctor(capsys, "--raw", "mine")
        # `iepile run` skips it, and says so
        assert not any(subject == "mine/ace2005" for _, subject in found)
        return code, {s: c[0]["found"] for (s, name), c in found.items() if name == "mine/wnut2017"}

    assert check() == (1, {})
    (own / "a.txt").write_text("abcd")
    told = "files missing: 1 of 2, such as b.txt; another size than declared: a.txt"
    assert check() == (1, {"wrong": told})
    (own / "a.txt").write_text("abc")
    (own / "b.txt").mkdir()
    assert check() == (0, {})
    (own / "manifest.toml").write_text("splits = 1")
    code, told = check()
    assert code == 1
    assert "must be a table" in told["wrong"]


def test_the_full_edition_is_compared_with_its_declaration(place, capsys):
    for file in ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated"):
        (place / "raw/full/wnut2017").mkdir(parents=True, exist_ok=True)
        (place / "raw/full/wnut2017" / file).touch()
    write("raw: raw/full\ndatasets:\n  - wnut2017\n")

    _, found = doctor(capsys)

    (check,) = found["wrong", "raw/full/wnut2017"]
    assert check["found"].startswith("another size than declared: ")
    assert check["todo"].startswith("iepile fetch wnut2017;")


@pytest.mark.usefixtures("place")
def test_a_broken_declaration_is_named(capsys, monkeypatch):
    load = catalog.load

    def broken(name):
        if name == "ace2005":
            raise DeclarationError("a slip", where="ace2005.toml", todo="correct it")
        return load(name)

    monkeypatch.setattr(catalog, "load", broken)

    code, found = doctor(capsys)

    assert code == 1
    assert found["wrong", "catalog: ace2005"][0]["todo"] == "correct it (ace2005.toml)"
    assert found["note", "catalog"][0]["todo"] == "see below"


def test_the_machine_is_looked_at(place, capsys, monkeypatch):
    (place / "taken").touch()
    code, found = doctor(capsys, "--out", "taken")
    assert code == 1
    assert found["wrong", "taken/"][0]["found"] == "this is a file, not a folder"

    code, found = doctor(capsys, "--out", "/proc/nowhere")  # even root writes nothing there
    assert code == 1
    assert "cannot be written to" in found["wrong", "/proc/nowhere/"][0]["found"]

    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1))
    code, found = doctor(capsys)
    assert code == 1
    assert found["wrong", "disk"][0]["found"].startswith("1 bytes free, about ")


def group(root, controller, path, **files):
    """Files of a control group, which this process is in."""
    (root / "proc/self").mkdir(parents=True, exist_ok=True)
    number = f"0::{path}" if controller is None else f"4:{controller}:{path}"
    (root / "proc/self/cgroup").write_text(f"9:name=systemd:/\n{number}\n")
    (root / "proc/meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    4000 kB\n")
    folder = root / "sys/fs/cgroup" / (controller or "").partition(",")[0] / path.lstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(f"{text}\n")


def test_memory_is_what_is_left_of_the_machine_or_of_its_container(tmp_path):
    one, two, old = (tmp_path / name for name in ("one", "two", "old"))
    group(one, None, "/", memory_max="max", memory_current=5000)
    assert machine.memory(one) == 4_096_000
    group(one, None, "/", memory_max=10_000, memory_current=7000)
    assert machine.memory(one) == 3000
    group(one, None, "/", memory_stat="anon 5\ninactive_file 500\nactive_file 9")
    assert machine.memory(one) == 3500
    group(two, None, "/a/b", memory_max=9000, memory_current=100)
    group(two, None, "/a", memory_max=8000, memory_current=7900)
    group(two, None, "/a/b")
    assert machine.memory(two) == 100  # the outer group holds for the inner one
    stat = "inactive_file 1\ntotal_inactive_file 20"
    group(old, "memory", "/x", memory_limit_in_bytes=1000, memory_usage_in_bytes=900)
    group(old, "memory", "/x", memory_stat=stat)
    assert machine.memory(old) == 120
    group(old, "memory", "/of/the/host", memory_limit_in_bytes=1 << 60)
    group(old, "memory", "", memory_limit_in_bytes=500, memory_usage_in_bytes=900)
    assert machine.memory(old) == 0
    assert machine.memory(tmp_path) == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

    (low,) = [c for c in system.machine(tmp_path, tmp_path, 0, 1000) if c.subject == "memory"]
    assert (low.state, low.found) == ("note", "1 kB free")


def test_a_limit_of_the_process_is_one_of_memory():
    code = "from pipeline.execution import machine; print(machine.memory())"
    limited = ["sh", "-c", 'ulimit -v 500000 && exec "$@"', "sh", sys.executable, "-c", code]
    done = subprocess.run(limited, cwd=ROOT, capture_output=True, text=True, check=True)

    assert int(done.stdout) <= 500_000 << 10


def test_cores_are_those_that_this_process_may_use(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {*range(8)})
    assert machine.cores(tmp_path) == 8
    new, old = tmp_path / "new", tmp_path / "old"
    for told, count in (("max 100000", 8), ("250000 100000", 3), ("10 100000", 1)):
        group(new, None, "/a", cpu_max=told)
        assert machine.cores(new) == count
    group(new, None, "/a/b", cpu_max="400000 100000")
    assert machine.cores(new) == 1
    group(old, "cpu,cpuacct", "/", cpu_cfs_quota_us=-1, cpu_cfs_period_us=100_000)
    assert machine.cores(old) == 8
    group(old, "cpu,cpuacct", "/", cpu_cfs_quota_us=200_000)
    assert machine.cores(old) == 2
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    assert machine.cores(old) == 1


@pytest.mark.usefixtures("place")
def test_a_user_without_a_home(capsys, monkeypatch):
    """A number without a name in /etc/passwd, as containers give."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)

    code, _ = doctor(capsys)
    assert code == 0
    assert cli.main(["new", "foo", "--reader", "columns", "--split", "train=~/a.tsv"]) == 1
    assert "there is no such file\n  where: /a.tsv\n" in capsys.readouterr().err


def test_programs_and_the_state_of_dvc(tmp_path, monkeypatch):
    def dvc():
        (check,) = [c for c in system.programs(tmp_path) if c.subject == "DVC"]
        return check.state, check.found

    assert dvc() == ("note", f"no dvc.yaml in {tmp_path}")
    (tmp_path / "dvc.yaml").touch()
    assert dvc() == ("wrong", "dvc.yaml without .dvc")
    (tmp_path / ".dvc").mkdir()
    assert dvc() == ("wrong", "this is not a git repository, and DVC needs one")
    (tmp_path / ".git").mkdir()
    assert dvc() == ("ok", "has not run yet")
    lock = tmp_path / "dvc.lock"
    lock.write_text("schema: '2.0'\nstages:\n  publish:\n    cmd: x\n")
    assert dvc() == ("ok", "has run 1 stage")
    for cut in ("", "schema: '2.0'\nstages:\n  publish:\n    cm"):
        lock.write_text(cut)
        told = "dvc.lock is cut short: dvc was killed as it wrote it"
        assert dvc() == ("wrong", told)
    lock.unlink()
    (tmp_path / ".dvc/tmp").mkdir()
    (tmp_path / ".dvc/tmp/rwlock").touch()
    assert dvc() == ("wrong", ".dvc/tmp/rwlock is cut short: dvc was killed as it wrote it")
    (tmp_path / ".dvc/tmp/rwlock").write_text("{}")
    assert dvc() == ("ok", "has not run yet")
    lock.write_text("<<<<<<< HEAD\nstages:\n=======\n>>>>>>> other\n")
    assert dvc() == ("wrong", "dvc.lock holds the marks of an unfinished merge")

    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    checks = {check.subject: check for check in system.programs(tmp_path)}
    assert (checks["git"].state, checks["git"].found) == ("wrong", "not found")
