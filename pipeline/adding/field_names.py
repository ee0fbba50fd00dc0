"""What fields and columns are called, from `field_names.toml`."""

import tomllib
from pathlib import Path
from typing import Any, Final

_TABLES: Final[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
#: Field that says whether a row is approved -> the values that say so.
APPROVED: Final[dict[str, list[str]]] = _TABLES.pop("approved")
#: What a field holds -> what it is called, the likeliest name first.
FIELDS: Final[dict[str, list[str]]] = _TABLES
