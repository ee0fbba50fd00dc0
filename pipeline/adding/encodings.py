"""What the bytes of raw files say of themselves: their language and their encoding."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Final

from pipeline.readers._source import decode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


_HEAD: Final = 1 << 16
_ESCAPED: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
_NO_ASCII: Final = re.compile(rb"[\x80-\xff]+")
_CHINESE: Final = re.compile(r"[\u3400-\u9fff]")


def language(files: Sequence[Path], encoding: str = "utf-8") -> str:
    """Say zh where a fifth of the letters are Chinese, else en."""
    letters = chinese = 0
    for file in files:
        paths = sorted(file.rglob("*.txt"))[:50] if file.is_dir() else [file]
        for path in paths:
            with path.open("rb") as stream:
                text = decode(stream.read(_HEAD), encoding)
            text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
            letters += sum(map(str.isalpha, text))
            chinese += len(_CHINESE.findall(text))
    return "zh" if chinese * 5 > letters else "en"


def encoding(head: bytes) -> str | None:
    """The encoding that the first bytes of a file look like; None for UTF-8.

    A few lines that are no UTF-8 are slips, which readers reject; XML names its encoding itself.
    """
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or head.count(0) * 3 > len(head):
        return "utf-16"
    rows = head.splitlines()
    strange = [row for row in rows if not row.isascii()]
    broken = [row for row in strange if not _is_utf8(row)]
    if head.startswith(b"<?xml") or len(broken) * 2 <= len(strange) or len(broken) * 50 < len(rows):
        return None
    # A Chinese character is two bytes, of which most are no ASCII; a letter with an accent is one.
    runs = [len(run) for row in broken for run in _NO_ASCII.findall(row)]
    return "gb18030" if sum(runs) >= 2 * len(runs) else "latin-1"


def _is_utf8(raw: bytes) -> bool:
    """Whether bytes are UTF-8, or CESU-8; they may end within a character."""
    try:
        codecs.getincrementaldecoder("utf-8")("surrogatepass").decode(raw)
    except UnicodeDecodeError:
        return False
    return True
