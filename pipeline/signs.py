"""Text from data as people see it: what would steer the display is drawn as a sign, not sent.

Control characters, escape sequences that begin with them, and marks that turn the direction of
reading could hide or forge what a person sees. Half a surrogate pair could not be written at all.
"""

from __future__ import annotations

from typing import Final

_STEERING: Final = (
    *range(0x20),
    *range(0x7F, 0xA0),
    *(0x2028, 0x2029),
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
    *range(0xD800, 0xE000),
)
_LINES: Final = {code: "·" for code in _STEERING if chr(code) not in "\n\t"}
_ONE_LINE: Final = {**_LINES, 0x0A: "↵", 0x09: "→"}


def drawn(text: str) -> str:
    """The text on one line, as many characters as before."""
    return text.translate(_ONE_LINE)


def visible(text: str) -> str:
    """The text with its lines and tabs."""
    return text.translate(_LINES)
