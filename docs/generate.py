"""Write the pages of docs/reference/ that follow from the code: `python docs/generate.py`.

    command-line.md   from the argparse parsers          row.md           from the Arrow schema
    parameters.md     from pipeline/config.py            output.md        from the list of stages
    drop-reasons.md   from the strings in the code       datasets.md, coverage.md   from the catalog

What code cannot say, such as a sentence for each drop reason, is in docs/words.toml. A reason
or a column without a sentence is an error.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS.parent), str(DOCS)]

import found_in_code
from pipeline import catalog, cli
from pipeline.commands.wiring import STAGES
from pipeline.tables import INSTRUCTIONS, RECORDS

WORDS = tomllib.loads((DOCS / "words.toml").read_text(encoding="utf-8"))
NOTE = "<!-- Written by `make docs`; change docs/generate.py, docs/words.toml or the code. -->"


def pages():
    """Page -> its text, for all generated pages."""
    made = {
        "command-line": command_line(cli.parser()),
        "parameters": parameters(),
        "row": row(),
        "drop-reasons": drop_reasons(),
        "output": output(),
        "datasets": datasets(),
        "coverage": coverage(),
    }
    return {DOCS / "reference" / f"{name}.md": text for name, text in made.items()}


def page(name, *parts):
    """A page: its head from words.toml, then the parts, with blank lines between."""
    head = WORDS["heads"][name].strip()
    title, _, intro = head.partition("\n")
    return "\n\n".join([title, NOTE, intro.strip(), *(p.strip() for p in parts)]) + "\n"


def table(columns, rows, *, right=()):
    """A Markdown table."""
    lines = [
        f"| {' | '.join(columns)} |",
        "|" + "".join("---:|" if name in right else "---|" for name in columns),
    ]
    return "\n".join(lines + [f"| {' | '.join(map(cell, row))} |" for row in rows])


def cell(value):
    """A value in a table of Markdown: on one line, without bars."""
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    return escaped(" ".join(str(value).replace("|", "\\|").split()))


def escaped(text):
    """A text of which Markdown takes nothing for a tag, but for what stands in backticks."""
    pieces = re.split(r"(`[^`]*`|<https?:[^>]*>)", text)
    pieces[::2] = [piece.replace("<", "&lt;") for piece in pieces[::2]]
    return "".join(pieces)


def explained(names, kind):
    """(name, sentence) of each name, in the order of the sentences; SystemExit without one."""
    sentences = WORDS[kind]
    if lacking := sorted({*names} - {*sentences}):
        raise SystemExit(f"docs/words.toml, [{kind}]: no sentence for {', '.join(lacking)}")
    return [(f"`{name}`", sentence) for name, sentence in sentences.items() if name in names]


# --- command-line.md ------------------------------------------------------------------------------


def command_line(parser):
    """All commands in their groups: usage, arguments, options, examples."""
    path = DOCS.parent / "pipeline" / "commands" / "commands.toml"
    declared = tomllib.loads(path.read_text(encoding="utf-8"))["commands"]
    parsers = subparsers(parser).choices
    overview, sections, group = [], [], ""
    for name, about in declared.items():
        if "group" not in about:  # DVC calls it, nobody else
            continue
        if about["group"] != group:
            group = about["group"]
            sections.append(f"## {group}")
        title = f"{parser.prog} {name}"
        link = f"[`{title}`](#{title.replace(' ', '-')})"
        overview.append((group, link, about["help"]))
        sections.append(one_command(parsers[name], about))
    return page("command-line", table(("group", "command", "what it does"), overview), *sections)


def examples(about):
    """The examples of a command and of its subcommands."""
    inner = about.get("commands", {}).values()
    return [*about.get("examples", ()), *(e for own in inner for e in own.get("examples", ()))]


def subparsers(parser):
    """The subcommands of a parser, or None."""
    kind = argparse._SubParsersAction
    return next((a for a in parser._actions if isinstance(a, kind)), None)


def one_command(parser, about, level="###"):
    """A command, with its subcommands if it has any."""
    more = WORDS["more"].get(parser.prog.removeprefix("iepile "), "")
    parts = [f"{level} {parser.prog}", escaped(parser.description or ""), more]
    parts += [f"```text\n{usage(parser)}\n```", options(parser)]
    reasons = WORDS["not_run"]
    mine = about.get("examples", ())
    if lines := [line for line in mine if line not in reasons]:
        parts.append("```sh\n" + "\n".join(lines) + "\n```")
    parts += [
        f"<!-- not run: {reasons[line]} -->\n```sh\n{line}\n```" for line in mine if line in reasons
    ]
    if inner := subparsers(parser):
        own = about["commands"]
        parts += [one_command(p, own[name], f"{level}#") for name, p in inner.choices.items()]
    return "\n\n".join(part for part in parts if part)


def usage(parser):
    """The usage line, without line breaks of its own."""
    return " ".join(parser.format_usage().removeprefix("usage: ").split())


def options(parser):
    """A table of the arguments and options of a parser."""
    rows = []
    for action in parser._actions:
        if action.help == argparse.SUPPRESS or isinstance(action, argparse._SubParsersAction):
            continue
        if "--help" in action.option_strings:
            continue
        rows.append((named(action), said(action)))
    return table(("argument or option", "meaning"), rows) if rows else ""


def named(action):
    """An argument or option as it is typed."""
    value = action.metavar or (
        "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
    )
    value = value if isinstance(value, str) else " ".join(value)
    if not action.option_strings:
        return f"`{value}`"
    spelled = ", ".join(f"`{own}`" for own in action.option_strings)
    if action.nargs == 0:
        return spelled
    return f"{spelled} `{f'[{value}]' if action.nargs == '?' else value}`"


def said(action):
    """The help of an argument; its choices where nothing else says them."""
    text = (action.help or "") % {
        **vars(action),
        "prog": "iepile",
        "choices": ", ".join(map(str, action.choices or ())),
    }
    if action.metavar and action.choices and len(action.choices) < 9:
        text += " (" + ", ".join(f"`{choice}`" for choice in action.choices) + ")"
    return text


# --- parameters.md --------------------------------------------------------------------------------


def parameters():
    """Every parameter: default, type, bounds, meaning."""
    columns = ("parameter", "default", "value", "meaning")
    parts = []
    for name, about, fields in found_in_code.parameters():
        prefix = f"{name}." if name else ""
        rows = [
            (f"`{prefix}{field}`", f"`{default}`", kind, meaning)
            for field, default, kind, meaning in fields
        ]
        parts += [f"## {name or 'At the top'}", about, table(columns, rows)]
    return page("parameters", *parts)


# --- row.md ---------------------------------------------------------------------------------------


def row():
    """The columns of the corpus and of records."""
    parts = []
    for schema, kind in ((INSTRUCTIONS, "columns"), (RECORDS, "record_columns")):
        sentences = dict(explained(schema.names, kind))
        rows = [
            (f"`{field.name}`", kind_of(field), sentences[f"`{field.name}`"]) for field in schema
        ]
        parts.append(table(("column", "type", "what it holds"), rows))
    words = WORDS["row"]
    return page("row", parts[0], words["example"], words["records"], parts[1])


def kind_of(field):
    """The type of a column in words."""
    text = str(field.type)
    short = "list of structs" if "struct" in text else text
    short = short.replace("list<item: string not null>", "list of strings")
    return short + (" or null" if field.nullable else "")


# --- drop-reasons.md ------------------------------------------------------------------------------


def drop_reasons():
    """All reasons and kinds that the code knows, with a sentence for each."""
    columns = ("reason", "meaning")
    parts = []
    for kind, names in found_in_code.reasons().items():
        head = WORDS["reasons"][kind]
        parts += [head, table(columns, explained(names, kind))]
    return page("drop-reasons", *parts)


# --- output.md ------------------------------------------------------------------------------------


def output():
    """The tree of a run, and who writes what."""
    rows = [
        (f"`iepile {name}`", ", ".join(f"`{own}`" for own in stage.reads) or "raw files",
         ", ".join(f"`{own}`" for own in stage.parameters),
         "one folder for all" if stage.whole else "a folder per dataset")
        for name, stage in STAGES.items()
    ]  # fmt: skip
    columns = ("stage", "reads the output of", "obeys", "writes")
    tree = [(f"`{path}`", what) for path, what in WORDS["written"].items()]
    files = table(("path", "what it is"), tree)
    return page("output", files, WORDS["output"]["stages"], table(columns, rows))


# --- datasets.md, coverage.md ---------------------------------------------------------------------


def datasets():
    """The catalog as a table."""
    columns = ("id", "title", "tasks", "language", "use", "access", "license", "records")
    rows, where = [], []
    for dataset in map(catalog.load, catalog.ids()):
        counts = [split.counts.get("records") for split in dataset.splits.values()]
        rows.append(
            (
                *(dataset.id, dataset.title, ", ".join(dataset.tasks), dataset.language),
                *(dataset.use, dataset.access, dataset.license),
                sum(n for n in counts if n) or None,
            )
        )
        where.append(
            (
                dataset.id,
                f"<{dataset.homepage}>" if dataset.homepage else "",
                dataset.access_note or ("" if dataset.access == "open" else dataset.license_note),
            )
        )
    return page(
        "datasets",
        table(columns, rows, right=("records",)),
        WORDS["datasets"]["where"],
        table(("id", "homepage", "how to get it, if it cannot be downloaded"), where),
    )


def coverage():
    """What the annotation of each dataset covers."""
    rows = []
    for dataset in map(catalog.load, catalog.ids()):
        tasks = {}
        for task in dataset.tasks:
            tasks.setdefault(dataset.coverage.get(task, "complete"), []).append(task)
        rows.append(
            (
                dataset.id,
                "; ".join(f"{', '.join(own)}: {covers}" for covers, own in tasks.items()),
                "; ".join(f"{label}: {', '.join(own)}" for label, own in dataset.implied.items()),
                dataset.coverage_source or "not declared",
                str(dataset.quality) or "not judged",
            )
        )
    columns = ("dataset", "covers", "makes doubtful", "source", "quality")
    return page("coverage", table(columns, rows))


def main():
    """Write all pages, or with --check only say which differ."""
    check = "--check" in sys.argv[1:]
    stale = []
    for path, text in pages().items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
            if not check:
                path.write_text(text, encoding="utf-8")
    print(f"{'stale' if check else 'written'}: {', '.join(stale) or 'nothing'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
