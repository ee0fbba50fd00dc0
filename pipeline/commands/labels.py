"""`iepile labels`: names of labels that mean the same, and one name that means two things."""

from typing import Any

from pipeline.commands import Arguments, reading
from pipeline.execution import shards
from pipeline.terminal.listing import table


def run(arguments: Arguments) -> int:
    """Print what the last report found."""
    with reading(arguments) as folders:
        tables = shards.read_json(folders["report"] / "labels.json", "same", "conflicts")
    text = (arguments.near or "").casefold()
    rows = [
        row
        for row in tables["conflicts" if arguments.conflicts else "same"]
        if text in f"{row['a'][1]}\n{row['b'][1]}".casefold()
    ]
    columns = ["task", "label", "datasets", "alike"]
    columns += ["left by the second", "left by the first"] if arguments.conflicts else []
    cells = [
        [
            f"{row['task']}-{row['language']}",
            *(" / ".join(dict.fromkeys((row["a"][n], row["b"][n]))) for n in (1, 0)),
            f"{row['similarity']:.2f}",
            *(_left(row[side]) for side in ("left_by_b", "left_by_a") if arguments.conflicts),
        ]
        for row in rows
    ]
    if not rows:
        kind = "mean two things" if arguments.conflicts else "mean the same in two datasets"
        print(f"no names {f'that hold {arguments.near!r} ' if text else ''}{kind}")
        return 0
    print(table(columns, cells))
    return 0


def _left(places: list[list[Any]]) -> str:
    """Strings that one dataset marks, and how often the other does not, or by which label."""
    return ", ".join(f"{s} ({'' if how == 'left' else how + ' '}{n})" for s, how, n in places[:3])
