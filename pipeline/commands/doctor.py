"""`iepile doctor`: what is right, what is missing to make the corpus, and how to get it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.commands import Arguments, command, sources


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = command(
        commands,
        "doctor",
        "look for what is missing: packages, parameters, raw files, disk, memory",
        "Says of each what is there, and how to get what is not; it changes nothing and needs no "
        "package itself. Exit code 1 if the corpus cannot be made as things are.",
    )
    sources(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="where results go")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: Arguments) -> int:
    """Look, and print."""
    import json
    import shutil

    from pipeline.doctor import Check, diagnosis, packages
    from pipeline.execution import machine

    out = arguments.out or Path("output")
    dictionaries = out / "dictionaries" if arguments.out else Path("dictionaries")
    project = Path(__file__).resolve().parents[2]
    checks = [*packages.installation(project), *diagnosis.programs(Path())]
    size = 0
    try:
        from pipeline.doctor import readiness

        found, size = readiness.examine(arguments.params, arguments.raw, arguments.manifests)
        checks += found
    except ImportError as problem:
        told = f"cannot be read while the package {problem.name} is missing"
        checks.append(Check("parameters and data", "wrong", told, "see packages above"))
    checks += diagnosis.machine(out, dictionaries, size, machine.memory())
    checks += diagnosis.leftovers(out, dictionaries, Path("raw/full"))
    wrong = sum(check.state == "wrong" for check in checks)
    if arguments.json:
        told_all = {"ready": not wrong, "checks": [check._asdict() for check in checks]}
        print(json.dumps(told_all, ensure_ascii=False, indent=2))
    else:
        for line in diagnosis.report(checks, shutil.get_terminal_size((100, 24)).columns):
            print(line)
        things = "1 thing is" if wrong == 1 else f"{wrong} things are"
        print(f"\n{things} to be mended first" if wrong else "\nthe corpus can be made")
    return 1 if wrong else 0
