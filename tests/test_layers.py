"""The packages depend on each other one way only, as the folders promise."""

import ast

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "pipeline"
GROUND = ("errors", "hashing", "records", "tables", "text", "config")
STAGES = ("normalize", "clean", "dedupe", "negatives", "instruct", "publish", "report")
#: From the ground up: each part may import those before it in the same or an earlier row.
ALLOWED = {
    "errors": (),
    "hashing": (),
    "records": (),
    "text": ("errors",),
    "tables": ("records",),
    "config": ("errors", "records"),
    "execution": ("execution", *GROUND),
    "readers": ("readers", "records", "text", "errors"),
    "catalog": ("catalog", "readers", "execution", *GROUND),
    "tasks": ("tasks", "catalog", "tables", "hashing"),
    # A stage knows no other, but for what reads their stored output; see below.
    **{stage: (stage, "tasks", "catalog", "execution", *GROUND) for stage in STAGES},
    "scoring": ("scoring", "tasks", "readers", "catalog", "execution", *GROUND),
    "fetching": ("fetching", "catalog", "execution", *GROUND),
    "adding": ("adding", "readers", "normalize", "catalog", "execution", *GROUND),
    "exports": ("exports", "instruct", "tasks", "catalog", "execution", *GROUND),
    "predicting": ("predicting", "exports", "tasks", "execution", *GROUND),
    "doctor": ("doctor", "fetching", "catalog", "execution", *GROUND),
    "terminal": ("terminal", "catalog", "execution", *GROUND),
}
#: What reads the stored output of a stage, and may be imported by all that come after it.
STORED = {
    "pipeline.dedupe.tags",  # the records that are kept
    "pipeline.negatives.interchange",  # the dictionary
    "pipeline.negatives.atlas",  # the labels of all datasets
    "pipeline.negatives.overrides",  # what a person decided about them
    "pipeline.report.figures",  # the counts
    "pipeline.report.examples",  # records by their ids, and what they say
}


def part(path):
    """The package or module right under `pipeline` that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def modules(path):
    """The modules of the project that a file imports, for type checkers too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "pipeline":
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                place = PACKAGE.parent / name.replace(".", "/")
                whole = place.is_dir() or place.with_suffix(".py").is_file()
                yield name if whole else node.module


def imported(path):
    """The parts that a file imports, but for what reads the output of earlier stages."""
    later = STAGES[STAGES.index(part(path)) :] if part(path) in STAGES else ()
    stored = {name for name in STORED if name.split(".")[1] not in later}
    return {name.split(".")[1] for name in modules(path) if name not in stored}


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("name", ALLOWED)
def test_imports_go_one_way(name):
    files = [path for path in FILES if part(path) == name]
    arrows = {(str(path.relative_to(PACKAGE)), other) for path in files for other in imported(path)}

    assert files
    assert {arrow for arrow in arrows if arrow[1] not in ALLOWED[name]} == set()


def test_what_reads_stored_output_is_imported_by_others():
    used = {name for path in FILES for name in modules(path) if name.split(".")[1] != part(path)}

    assert STORED - used == set()


def test_nothing_imports_the_command_line():
    above = ("cli", "commands", "__main__")
    lower = [path for path in FILES if part(path) not in above]

    assert [path for path in lower if {*imported(path)} & {*above}] == []
    assert [path for path in FILES if "cli" in imported(path) and part(path) != "__main__"] == []


def test_no_module_imports_itself_in_a_circle():
    """Type hints included: whoever reads a module has read what it rests on."""
    names = {".".join(p.relative_to(ROOT).with_suffix("").parts): p for p in FILES}
    arrows = {name.removesuffix(".__init__"): {*modules(path)} for name, path in names.items()}

    def reached(name):
        found, waiting = set(), [*arrows[name]]
        while waiting:
            other = waiting.pop()
            if other not in found:
                found.add(other)
                waiting += arrows.get(other, ())
        return found

    assert [name for name in arrows if name in reached(name)] == []


def test_one_file_imports_ray():
    users = [
        path.name
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import) and any(a.name.split(".")[0] == "ray" for a in node.names)
    ]
    assert {*users} == {"cluster.py"}
