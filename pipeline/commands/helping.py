"""What is missing to make the corpus, and the completion of commands in a shell."""

import json
from pathlib import Path

from pipeline.commands import Arguments, parsing
from pipeline.doctor import Check, system
from pipeline.errors import counted
from pipeline.execution import machine


def doctor(arguments: Arguments) -> int:
    """Say what is missing to make the corpus, and how to get it."""
    out = arguments.out or Path("output")
    dictionaries = out / "dictionaries" if arguments.out else Path("dictionaries")
    project = Path(__file__).resolve().parents[2]
    checks = [*system.installation(project), *system.programs(Path())]
    size = 0
    try:
        from pipeline.doctor import data

        data_checks, size = data.examine(arguments.params, arguments.raw, arguments.manifests)
        checks += data_checks
    except ImportError as problem:
        detail = f"cannot be read while the package {problem.name} is missing"
        checks.append(Check("parameters and data", "wrong", detail, "see packages above"))
    checks += system.machine(out, dictionaries, size, machine.memory())
    wrong = sum(check.state == "wrong" for check in checks)
    if arguments.json:
        result = {"ready": not wrong, "checks": [check._asdict() for check in checks]}
        print(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        things = counted(wrong, "things")
        print(f"fix {things} first, marked WRONG below\n" if wrong else "the corpus can be made\n")
        print("\n".join(system.report(checks)))
    return 1 if wrong else 0


def completion(arguments: Arguments) -> int:
    """Print a script that completes commands, options and choices."""
    import shtab

    print(shtab.complete(parsing.parser(), arguments.shell))
    return 0
