"""What the reference pages need and only the source text tells: parameters, reasons, files."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import msgspec

from pipeline import config
from pipeline.clean.hygiene import OF_TEXTS

CODE = Path(config.__file__).parent
#: Reasons of one word.
PLAIN = ("contradicting", "duplicate", "unlabeled")
WORD = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def parameters():
    """(section, its docstring, [(name, default, type in words, comment)]); "" is the top."""
    source = (CODE / "config.py").read_text(encoding="utf-8")
    lines = source.splitlines()
    classes = {n.name: n for n in ast.parse(source).body if isinstance(n, ast.ClassDef)}
    sections = {"": config.Settings}
    for field in msgspec.structs.fields(config.Settings):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            sections[field.name] = field.type
        elif getattr(field.default, "__struct_fields__", None):
            sections[field.name] = type(field.default)
    for name, kind in sections.items():
        comments = {
            node.target.id: _comment(lines, node.lineno - 1)
            for node in classes[kind.__name__].body
            if isinstance(node, ast.AnnAssign)
        }
        fields, comment = [], ""
        types = {f.encode_name: f.type for f in msgspec.inspect.type_info(kind).fields}
        for field in msgspec.structs.fields(kind):
            if field.name in sections:
                continue
            # Parameters that belong together share the comment above the first.
            comment = comments[field.name] or comment
            if not comment:
                raise SystemExit(f"pipeline/config.py: {field.name} has no comment `#:`")
            default = getattr(kind(), field.name)
            fields.append((field.name, _yaml(default), _in_words(types[field.name]), comment))
        yield name, (kind.__doc__ or "").strip(), fields


def _comment(lines, at):
    """The `#:` comment above a line."""
    found = []
    while lines[at - 1].strip().startswith("#:"):
        at -= 1
        found.insert(0, lines[at].strip().removeprefix("#:").strip())
    return " ".join(found)


def _yaml(value):
    """A value as params.yaml has it, on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_yaml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _in_words(kind):
    """A type of msgspec in words, with its bounds."""
    name = type(kind).__name__
    if name == "UnionType":
        return " or ".join(_in_words(own) for own in kind.types)
    if name in ("IntType", "FloatType"):
        words = "a whole number" if name == "IntType" else "a number"
        low, high = kind.ge, kind.le
        bounds = [f"at least {low}"] if low is not None and abs(low) < config._MOST else []
        bounds += [f"at most {high}"] if high is not None and high < config._MOST else []
        bounds += [f"below {kind.lt}"] if kind.lt is not None else []
        return ", ".join([words, *bounds])
    if name == "LiteralType":
        return "one of " + ", ".join(f"`{own}`" for own in kind.values)
    if name == "ListType":
        return f"a list of: {_in_words(kind.item_type)}"
    if name == "DictType":
        of = ", ".join(getattr(kind.key_type, "values", ())) or "any name"
        return f"a table; keys: {of}; values: {_in_words(kind.value_type)}"
    return {"StrType": "text", "BoolType": "`true` or `false`", "NoneType": "`null`"}[name]


def reasons():
    """Kind of reason -> the names that the code gives, sorted."""
    clean, dedupe = (sorted((CODE / name).glob("*.py")) for name in ("clean", "dedupe"))
    readers = [p for p in sorted((CODE / "readers").glob("*.py")) if p.name != "__init__.py"]
    others = [CODE / "records.py", *sorted((CODE / "normalize").glob("*.py"))]
    return {
        "dropped": sorted({name for path in clean + dedupe for name in _drops(path)} | {*OF_TEXTS}),
        "rejected": sorted(
            {name for path in readers + others for name in _rejects(path, strict=path in others)}
        ),
        "odd": sorted({*_kinds(CODE / "clean" / "hygiene.py"), *OF_TEXTS}),
    }


def _drops(path):
    """The drop reasons in a module of clean or dedupe."""
    for node in ast.walk(_parsed(path)):
        match node:
            # What a function yields: row, "duplicate", partner.
            case ast.Yield(value=ast.Tuple(elts=[_, ast.Constant(value=str(name)), _])):
                yield name
            # What is decided about a place: "contradicting", partner.
            case ast.Assign(
                targets=[ast.Subscript()],
                value=ast.Tuple(elts=[ast.Constant(value=str(name)), ast.Name()]),
            ):
                yield name
            case ast.Assign(targets=[ast.Name(id="reasons")], value=value):
                yield from filter(None, map(_word, ast.walk(value)))
            case ast.Assign(targets=[ast.Name(id="rules")], value=ast.Tuple(elts=rules)):
                yield from (rule.elts[0].value for rule in rules)
            case ast.AnnAssign(target=ast.Name(id="_REASON" | "OF_TEXTS"), value=value):
                yield from filter(None, map(_word, ast.walk(value)))


def _rejects(path, *, strict):
    """The reject reasons in a module: what becomes the second field of a `Reject`."""
    for node in ast.walk(_parsed(path)):
        found = []
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=arguments):
                if name.strip("_").lower() in ("reject", "rowerror", "lose"):
                    found = arguments
            # return "empty_text", ""     why, told = "missing_column", f"..."
            case ast.Tuple(elts=[first, second]) if not _plain(second):
                found = [first]
            # return "malformed_line"     "unknown_trigger" if ... else "unknown_argument"
            case ast.Return(value=value) if not strict:
                found = [value]
            case ast.IfExp(body=body, orelse=other) if not strict:
                found = [body, other]
            case ast.AnnAssign(value=value, target=ast.Name(id=name)) if name.startswith("_OUT"):
                found = [value]
        for one in found:
            if word := _word(one):
                yield word


def _plain(node):
    """Whether a node is a single word, as field names are; details of rejects are sentences."""
    return isinstance(node, ast.Constant) and WORD.fullmatch(str(node.value)) is not None


def _word(node):
    """The snake_case word that a node is, or None."""
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, str) and WORD.fullmatch(value) and ("_" in value or value in PLAIN):
        return value
    return None


def _kinds(path):
    """The kinds of odd annotations: those that the docstring of the module describes."""
    module = _parsed(path)
    literals = {n.value for n in ast.walk(module) if isinstance(n, ast.Constant)}
    described = re.findall(r"^`(\w+)`", ast.get_docstring(module) or "", re.MULTILINE)
    for node in ast.walk(module):
        match node:
            case ast.Call(func=ast.Name(id="Finding"), args=[_, ast.Constant(value=str(name)), *_]):
                yield name
    yield from (name for name in described if name in literals)


def _parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))
