r"""`sharegpt`: conversations of a human and a model, as LLaMA-Factory and FastChat have them.

{"conversations": [{"from": "human", "value": "{\"instruction\": ...}"},
                   {"from": "gpt", "value": "{\"person\": [\"Ines Vale\"], \"place\": []}"}]}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.exports import _instructions

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.exports import Source

FROM: Final = ("instructions",)
_KNOWN_AS: Final = {"formatting": "sharegpt", "columns": {"messages": "conversations"}}


def row(instruction: str, output: str) -> dict[str, Any]:
    """One row."""
    return {
        "conversations": [
            {"from": "human", "value": instruction},
            {"from": "gpt", "value": output},
        ]
    }


def export(source: Source, out: Path) -> dict[str, int]:
    """Write every instruction as a conversation."""
    return _instructions.write(source, out, row, _KNOWN_AS)
