r"""What a fuzzer gives to a target: a few files in one byte string, and how it is changed.

    wnut2017\ttrain.conll           the subject: what the files are read as, and which of them
    \n\0==> train.conll <==\0\n     the name of a file, and then its bytes up to the next name
    Ada B-person\n

`mutated` changes one file as bytes, as lines, as words of the format, or as the structure that it
is (JSON, JSON lines, TOML, YAML), so that most of what it makes gets past the first parser.
"""

import contextlib
import json
import re
import tomllib

import orjson
import tomlkit
import yaml

from tests import inputs

_MARK = re.compile(rb"\n\0==> ([^\0\n]{1,200}) <==\0\n")
#: Values that JSON, TOML and YAML can hold and nobody expects.
ODD = [
    *inputs.VALUES.values(),
    *(False, 0, 1, 2, 3, 5, 10**9, 2**31, 2**63, -(2**63), 10**30, 0.5, -0.0),
    *(float("nan"), float("inf"), " ", "\n", "\0", "0", "NaN", "../x", "/etc/passwd", "a"),
    *("\u2028", "\ufeff", "\ud800", "\x1b[31m", "中", [[]], {"": ""}, [0], ["a"], ["a", "a"]),
    *([0, 1], [1, 0], [[0, 1, "a"]], {"a": "b"}, {"a": []}, "x" * 3000),
]
#: The bytes that formats of text give a meaning to, or that are wrong everywhere.
_BYTES = [
    *inputs.PIECES.values(), b"\n", b"\r", b"\r\n", b"\n\n", b"\t", b" ", b"\xf0\x9f\x98\x80",
    b"\xc2\x85", b"\x0c", b"\x1c", b"\\", b"{", b"}", b"[", b"]", b"<", b">", b":", b",", b"-",
    b"0", b"-1", b"9" * 25, b"=",
]  # fmt: skip


def pack(subject, files):
    """One byte string of a subject and {name: bytes}."""
    parts = (b"\n\0==> " + name.encode() + b" <==\0\n" + data for name, data in files.items())
    return subject.encode() + b"".join(parts)


def unpack(data):
    """(subject, {name: bytes}) of any byte string."""
    subject, *rest = _MARK.split(data)
    names = (name.decode("utf-8", "replace") for name in rest[::2])
    return subject.decode("utf-8", "replace"), dict(zip(names, rest[1::2], strict=True))


def mutated(data, rng, seeds, words, raw=None):
    """Another input: one file changed one to four times, rarely under the subject of another.

    `raw(bytes)` may be the byte mutator of a fuzzing engine.
    """
    subject, files = unpack(data)
    if not files:
        return rng.choice(seeds)
    other_subject, others = unpack(rng.choice(seeds))
    if rng.random() < 0.03:
        subject = other_subject
    name = rng.choice([*files])
    content = files[name]
    for _ in range(rng.randint(1, 4)):
        how = rng.random()
        if how < 0.4:
            content = _structure(content, name, rng)
        elif how < 0.6:
            content = _lines(content, rng)
        elif how < 0.75:
            content = _words(content, rng, words)
        elif raw is not None and how < 0.85:
            content = raw(content)
        elif how < 0.95 or not others:
            content = _bytes(content, rng)
        else:
            content = _spliced(content, rng.choice([*others.values()]), rng)
    return pack(subject, {**files, name: content})


def _bytes(data, rng):
    at = rng.randint(0, len(data))
    end = min(len(data), at + rng.choice([0, 1, 1, 2, 5, 30, 300]))
    new = [b"", bytes([rng.randrange(256)]), rng.choice(_BYTES), data[at:end] * 2]
    return data[:at] + rng.choice(new) + data[end:]


def _spliced(data, other, rng):
    return data[: rng.randint(0, len(data))] + other[rng.randint(0, len(other)) :]


def _lines(data, rng):
    lines = data.split(b"\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(7):
        case 0:
            del lines[i]
        case 1:
            lines.insert(j, lines[i])
        case 2:
            lines[i], lines[j] = lines[j], lines[i]
        case 3:
            lines[i] = b""
        case 4:
            columns = lines[i].split(rng.choice([b"\t", b" "]))
            columns[rng.randrange(len(columns))] = rng.choice(lines[j].split() or [b""])
            lines[i] = rng.choice([b"\t", b" "]).join(columns)
        case 5:
            lines[i] = lines[i][: rng.randint(0, len(lines[i]))]
        case _:
            lines[i] += rng.choice([b"\r", b"\t", b" ", b"\t\t", lines[j]])
    return b"\n".join(lines)


def _words(data, rng, words):
    found = [m.span() for m in re.finditer(rb"[\w.+-]+|[^\w\s]", data[:50_000])]
    if not found:
        return data + rng.choice(words)
    start, end = rng.choice(found)
    other = rng.choice(found)
    new = rng.choice(words) if rng.random() < 0.6 else data[other[0] : other[1]]
    return data[:start] + new + data[end if rng.random() < 0.8 else start :]


def _structure(data, name, rng):
    """Change the value that a file, or one of its lines, is written for."""
    try:
        if name.endswith(".toml"):
            return tomlkit.dumps(_value(tomllib.loads(data.decode()), rng)).encode()
        if name.endswith((".yaml", ".yml")):
            return yaml.safe_dump(_value(yaml.safe_load(data), rng), allow_unicode=True).encode()
    except Exception:  # noqa: BLE001 - it is no such structure (any more)
        return _words(data, rng, _BYTES)
    with contextlib.suppress(ValueError, RecursionError):  # it is no JSON, or very deep
        return _dumped(_value(orjson.loads(data), rng), rng)
    lines = data.split(b"\n")
    for _ in range(3):
        at = rng.randrange(len(lines))
        try:
            lines[at] = _dumped(_value(orjson.loads(lines[at]), rng), rng)
        except (ValueError, RecursionError):
            continue
        return b"\n".join(lines)
    return _lines(data, rng)


def _dumped(value, rng):
    ascii_only = rng.random() < 0.5
    return json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")


def _value(value, rng):
    """The value with one of its parts changed."""
    places = []
    left = [value]
    while left and len(places) < 3000:
        node = left.pop()
        if isinstance(node, dict | list):
            keys = [*node] if isinstance(node, dict) else [*range(len(node))]
            places += [(node, key) for key in keys]
            left += [node[key] for key in keys]
    if not places:
        return rng.choice(ODD)
    node, key = rng.choice(places)
    match rng.randrange(9):
        case 0:
            del node[key]
        case 1 | 2:
            node[key] = rng.choice(ODD)
        case 3:
            there, at = rng.choice(places)
            node[key] = json.loads(json.dumps(there[at])) if at in _keys(there) else None
        case 4:
            node[key] = [node[key]] if rng.random() < 0.5 else {"text": node[key]}
        case 5 if isinstance(node, list):
            node.insert(rng.randint(0, len(node)), json.loads(json.dumps(node[key])))
        case 5:
            node[str(rng.choice(ODD))[:40]] = node.pop(key)
        case 6 if rng.random() < 0.1:
            for _ in range(rng.choice([5, 50, 500])):
                node[key] = [node[key]]
        case _:
            node[key] = _scalar(node[key], rng)
    return value


def _keys(node):
    return node if isinstance(node, dict) else range(len(node))


def _scalar(value, rng):
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int | float):
        return rng.choice([value + 1, value - 1, -value, value * 2, float(value), str(value)])
    if isinstance(value, str):
        at = rng.randint(0, len(value))
        odd = rng.choice([o for o in ODD if isinstance(o, str)])
        choices = [
            value[:at],
            value[at:],
            value + " ",
            value[:at] + odd + value[at:],
            value.upper(),
        ]
        return rng.choice(choices)
    return rng.choice(ODD)
