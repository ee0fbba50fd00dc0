"""The command line that `commands.toml` declares, for argparse. Imports nothing heavy."""

import argparse
import sys
import tomllib
from collections.abc import Callable
from difflib import get_close_matches
from functools import cache, partial
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NoReturn

from pipeline.commands import complain

_PACKAGE: Final = Path(__file__).parents[1]
_ABOUT: Final = "Turn raw information-extraction datasets into an instruction corpus."


def _whole(text: str, least: int = 0) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
    return int(text)


def _names(text: str) -> list[str]:
    """Return comma-separated names, each once."""
    names = [*dict.fromkeys(name.strip() for name in text.split(",") if name.strip())]
    if not names:
        raise argparse.ArgumentTypeError(f"{text!r} names nothing")
    return names


def _home(text: str) -> Path:
    return Path(text).expanduser()


def _split(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if name not in {"train", "dev", "test", "all"} or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is not train|dev|test|all=FILE")
    return name, _home(path)


def _option(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not K=V")
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key, value.encode().decode("unicode_escape") if value in {"\\t", "\\n"} else value


#: The types that `commands.toml` names.
TYPES: Final[dict[str, Callable[[str], Any]]] = {
    "path": Path,
    "count": partial(_whole, least=1),
    "whole": _whole,
    "names": _names,
    "home": _home,
    "split": _split,
    "option": _option,
}


class _Format(argparse.HelpFormatter):
    """Wraps paragraphs; lines that begin with blanks, such as examples, stay as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        fill = super()._fill_text
        lines = (
            line if line.startswith(" ") else fill(line, width, indent) for line in text.split("\n")
        )
        return "\n".join(lines)


class _Parser(argparse.ArgumentParser):
    """Suggests the likely spelling of a misspelled command or choice."""

    #: Replaces the text of `--help`.
    overview = ""

    def format_help(self) -> str:
        return self.overview or super().format_help()

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        complain(message)
        sys.exit(2)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; refuse here what is left over, so that the usage of the command is shown."""
        parsed, left_over = super().parse_known_args(args, namespace)
        if left_over:
            word, _, _ = left_over[0].partition("=")
            close = get_close_matches(word, self._option_string_actions, 1)
            meant = f"; did you mean {close[0]!r}?" if close else ""
            if not word.startswith("-"):
                meant = " here; put names that hold blanks in quotes"
            self.error(f"no argument {word!r} is known{meant}")
        return parsed, []

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            choices = [*map(str, action.choices)]
            close = get_close_matches(str(value), choices, 1)
            listed = f"`{self.prog} --help` lists what there is"
            todo = f"did you mean {close[0]!r}?" if close else listed
            raise argparse.ArgumentError(action, f"there is no {value!r}; {todo}")


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, *_: object) -> NoReturn:
        from importlib import metadata

        print(f"iepile {metadata.version('iepile-pipeline')}")
        sys.exit()


@cache
def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    text = (Path(__file__).parent / "commands.toml").read_text(encoding="utf-8")
    declared = tomllib.loads(text)
    top = _Parser(prog="iepile", description=_ABOUT, formatter_class=_Format)
    top.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, about in declared["commands"].items():
        _add(commands, name, about, declared["options"])
        commands.choices[name].set_defaults(function=about.get("function", f"{name}.run"))
    top.overview = (
        f"{top.format_usage()}\n{_ABOUT}\n{_groups(declared['commands'])}\n\n{declared['hint']}"
    )
    return top


def _groups(commands: dict[str, Any]) -> str:
    """Return the commands with their help, under the headings of their groups."""
    lines: list[str] = []
    width = max(map(len, commands))
    listed = [(name, about) for name, about in commands.items() if "group" in about]
    for group, members in groupby(listed, lambda command: command[1]["group"]):
        lines += ["", f"{group}:"]
        lines += [f"  {name:{width}}  {about['help']}" for name, about in members]
    return "\n".join(lines)


def _add(commands: Any, name: str, about: dict[str, Any], shared: dict[str, Any]) -> None:
    """Add a command, with its arguments and those of the sets of options that it shares."""
    examples = "\n".join(f"  {example}" for example in about.get("examples", ()))
    summary = f"{about['help'][0].upper()}{about['help'][1:]}." if "help" in about else ""
    parser = commands.add_parser(
        name,
        **({"help": about["help"]} if "help" in about else {}),
        description=f"{summary} {about.get('about', '')}".strip(),
        epilog=f"examples:\n{examples}" if examples else None,
        formatter_class=_Format,
    )
    one_of: Any = None
    arguments = dict(about.get("arguments", {}))
    for options in about.get("shares", ()):
        arguments |= shared[options]
    for key, declared in arguments.items():
        keywords = dict(declared)
        if "type" in keywords:
            keywords["type"] = TYPES[keywords["type"]]
        if keywords.pop("hidden", False):
            keywords["help"] = argparse.SUPPRESS
        if file := keywords.pop("choices_from", None):
            table = tomllib.loads((_PACKAGE / file).read_text(encoding="utf-8"))
            keywords["choices"] = [*table]
            width = max(map(len, table))
            listed = [f"  {choice:{width}}  {entry['about']}" for choice, entry in table.items()]
            parser.epilog = "\n".join([f"{key}s:", *listed, "", parser.epilog or ""])
        if asked := keywords.pop("one_of", None):
            required = asked == "exactly"
            one_of = one_of or parser.add_mutually_exclusive_group(required=required)
        (one_of if asked else parser).add_argument(key, **keywords)
    if "commands" in about:
        metavar = f"[{'|'.join(about['commands'])}]"
        inner = parser.add_subparsers(title="commands", dest="action", metavar=metavar)
        for inner_name, inner_about in about["commands"].items():
            _add(inner, inner_name, inner_about, shared)
