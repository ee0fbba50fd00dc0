"""A text out of passages that say where they begin in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipeline.readers._paths import RowError
from pipeline.readers._source import whole


def joined(passages: Iterable[tuple[Any, Any]]) -> str:
    """The text of (offset, passage): blanks fill what is between them.

    Raises RowError where passages overlap, for no offset could be trusted then.
    """
    text = ""
    for offset, passage in passages:
        if not isinstance(passage, str):
            raise RowError(f"a passage is no string: {passage!r:.60}")
        if whole(offset) < len(text):
            problem = f"a passage begins at {offset}, in the one before it"
            raise RowError(f"{problem}: the offsets may be of bytes")
        text = f"{text:{offset}}{passage}"
    return text
