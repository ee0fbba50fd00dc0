r"""`alpaca`: instruction, input and output, as Stanford Alpaca and LLaMA-Factory have them.

    {"instruction": "{\"instruction\": \"You are ...\", \"schema\": [...], \"input\": \"...\"}",
     "input": "", "output": "{\"person\": [\"Ines Vale\"], \"place\": []}"}

The whole prompt is the instruction: trainers join a non-empty `input` to it in ways of their own.
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
    "columns": {"prompt": "instruction", "query": "input", "response": "output"},
}


def row(instruction: str, output: str) -> dict[str, str]:
    """One row."""
    return {"instruction": instruction, "input": "", "output": output}


def export(source: Source, out: Path) -> dict[str, int]:
    """Write every instruction as a row."""
    return _instructions.write(source, out, row, _KNOWN_AS)
