r"""`prompt-completion`: plain strings, for base models: trainers add no chat template to these.

    {"prompt": "{\"instruction\": ...}\n", "completion": "{\"person\": [\"Ines Vale\"], ...}"}

TRL joins the two and counts the loss on the completion alone; the line feed keeps them apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.exports import _instructions

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.exports import Source

FROM: Final = ("instructions",)
_KNOWN_AS: Final = {
    "formatting": "alpaca",
    "columns": {"prompt": "prompt", "response": "completion"},
}


def row(instruction: str, output: str) -> dict[str, str]:
    """One row."""
    return {"prompt": f"{instruction}\n", "completion": output}


def export(source: Source, out: Path) -> dict[str, int]:
    """Write every instruction as a row."""
    return _instructions.write(source, out, row, _KNOWN_AS)
