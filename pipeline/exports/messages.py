r"""`messages`: chats of a user and an assistant, as TRL, OpenAI and ms-swift have them.

    {"messages": [{"role": "user", "content": "{\"instruction\": ...}"},
                  {"role": "assistant", "content": "{\"person\": [\"Ines Vale\"], \"place\": []}"}]}

The trainer applies the chat template of the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.exports import _instructions

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.exports import Source

FROM: Final = ("instructions",)
_KNOWN_AS: Final = {
    "formatting": "sharegpt",
    "columns": {"messages": "messages"},
    "tags": {
        "role_tag": "role",
        "content_tag": "content",
        "user_tag": "user",
        "assistant_tag": "assistant",
        "system_tag": "system",
    },
}


def row(instruction: str, output: str) -> dict[str, Any]:
    """One row."""
    return {
        "messages": [
            {"role": "user", "content": instruction},
            {"role": "assistant", "content": output},
        ]
    }


def export(source: Source, out: Path) -> dict[str, int]:
    """Write every instruction as a chat."""
    return _instructions.write(source, out, row, _KNOWN_AS)
