"""Write TOML, for declarations and manifests: Python itself only reads it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.execution import shards

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write a declaration or a manifest: plain values first, then a table for each mapping."""
    shards.write_text("\n".join(_lines(content)).strip() + "\n", path)


def _lines(content: Mapping[str, Any], name: str = "") -> Iterator[str]:
    tables = {key: value for key, value in content.items() if isinstance(value, dict)}
    plain = {key: value for key, value in content.items() if key not in tables}
    if plain:
        if name:
            yield f"\n[{name}]"
        yield from (f"{_key(key)} = {_value(value)}" for key, value in plain.items())
    for key, value in tables.items():
        yield from _lines(value, f"{name}.{_key(key)}" if name else _key(key))


def _key(key: str) -> str:
    return key if re.fullmatch("[A-Za-z0-9_-]+", key) else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    # A JSON string is a TOML string, but for one control character that JSON leaves as it is.
    return orjson.dumps(value).decode().replace("\x7f", "\\u007f")
