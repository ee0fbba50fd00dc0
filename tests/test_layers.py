"""The packages depend on each other one way only, as the folders promise."""

import ast

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "pipeline"
#: Who may import what; where a package is not named it may import all but `cli` and `commands`.
STAGES = ("stages", "run", "terminal")
ALLOWED = {
    "errors": (),
    "hashing": (),
    "records": (),
    "light": (),
    "text": ("errors", "light"),
    "tables": ("records",),
    "readers": ("readers", "records", "errors"),
    "tasks": ("tasks", "catalog", "tables"),
}
FORBIDDEN = {
    "cleaning": (*STAGES, "readers", "tasks", "corpus", "dictionary", "audit", "scoring"),
    "corpus": (*STAGES, "readers", "cleaning", "dictionary", "audit", "scoring"),
    "dictionary": (*STAGES, "readers", "cleaning", "corpus", "audit", "scoring"),
    "audit": (*STAGES, "readers", "cleaning", "corpus", "dictionary", "scoring"),
    "scoring": (*STAGES, "cleaning", "corpus", "dictionary", "audit"),
    "adding": (*STAGES, "cleaning", "corpus", "dictionary", "audit", "scoring"),
    "exports": (*STAGES, "readers", "cleaning", "audit", "scoring"),
    "fetching": (*STAGES, "readers", "cleaning", "corpus", "dictionary", "audit", "scoring"),
    # What stages import counts as their code; the terminal does not.
    "stages": ("readers", "adding", "fetching", "exports", "scoring", "run", "terminal"),
}


def part(path):
    """The package or module right under `pipeline` that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path):
    """The parts that a file imports when it runs; what only type checkers read is left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing = {
        id(inside)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inside in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in typing:
            first, *rest = (node.module or "").split(".")
            if first == "pipeline":
                yield from rest[:1] or (alias.name for alias in node.names)


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("name", [*ALLOWED, *FORBIDDEN])
def test_imports_go_one_way(name):
    own = [path for path in FILES if part(path) == name]
    found = {(path.name, other) for path in own for other in imported(path)}

    assert own
    assert {f for f in found if f[1] in FORBIDDEN.get(name, ())} == set()
    if name in ALLOWED:
        assert {f for f in found if f[1] not in ALLOWED[name]} == set()


def test_nothing_imports_the_command_line():
    above = ("cli", "commands", "__main__")
    lower = [path for path in FILES if part(path) not in above]

    assert [path for path in lower if {*imported(path)} & {*above}] == []
    assert [path for path in FILES if "cli" in imported(path) and part(path) != "__main__"] == []


def test_stages_do_not_import_each_other():
    for path in sorted((PACKAGE / "stages").glob("*.py")):
        assert "stages" not in {*imported(path)}, path


def test_one_file_imports_ray():
    users = [
        path.name
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import) and any(a.name.split(".")[0] == "ray" for a in node.names)
    ]
    assert {*users} == {"cluster.py"}
