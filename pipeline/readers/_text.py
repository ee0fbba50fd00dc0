"""The text of a row of JSON, and what its offsets mean in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from pipeline.readers._paths import Item, RowError
from pipeline.readers._source import items, join_tokens, whole
from pipeline.records import Mention
from pipeline.text import TREEBANK

if TYPE_CHECKING:
    from pipeline.readers._rows import Form

_SPELLED_LINE_END: Final = "\\r\\n"
_ASTRAL: Final = re.compile("[\U00010000-\U0010ffff]")
_CJK: Final = "\u2e80"
_OUTSIDE: Final = "offset_out_of_text"


class Text:
    """A text, or tokens joined to one. `utf16` says that offsets count UTF-16 units."""

    def __init__(self, form: Form, row: Item, *, utf16: bool) -> None:
        self.options = form.options
        self.tokens: list[str] | None = None
        #: Where each token starts; the number of the first token of each sentence, and of an end.
        self.starts: list[int] = []
        self.firsts: list[int] = []
        #: How many characters were put before the text that offsets count in.
        self.shift = 0
        self.string = self._joined_tokens(form, row) if form.tokens else self._whole(form, row)
        self.astral = not form.tokens and _ASTRAL.search(self.string) is not None
        #: The character of each UTF-16 unit.
        self.units: list[int] = []
        if utf16 and self.astral:
            for number, character in enumerate(self.string[self.shift :]):
                self.units += [number] * (2 if character > "\uffff" else 1)
            self.units.append(len(self.string) - self.shift)

    def _whole(self, form: Form, row: Item) -> str:
        text = next((text for find in form.texts if (text := find(row)) is not None), None)
        if not isinstance(text, str):
            raise RowError(f"the text is no string: {text!r:.60}")
        if self.options.trim:
            text = text.strip()
            if len(text) > 1 and text[0] == text[-1] == '"':
                text = text[1:-1].strip()
            text = text.removesuffix(_SPELLED_LINE_END).rstrip()
        title = form.title(row) if form.title else None
        if not title:
            return text
        self.shift = len(title) + 1
        return f"{title}\n{text}"

    def _joined_tokens(self, form: Form, row: Item) -> str:
        given = form.tokens(row) if form.tokens else None
        nested = isinstance(given, list) and any(isinstance(part, list) for part in given)
        self.tokens = []
        sentences: list[Any] = given if nested else [given]  # type: ignore[assignment]
        for sentence in sentences:
            tokens = sentence.split() if isinstance(sentence, str) else items(sentence)
            if odd := [token for token in tokens if not isinstance(token, str)]:
                raise RowError(f"a token is no string: {odd[0]!r:.60}")
            self.firsts.append(len(self.tokens))
            self.tokens += [TREEBANK.get(t, t) for t in tokens] if self.options.treebank else tokens
        self.firsts.append(len(self.tokens))
        text, self.starts = join_tokens(self.tokens, self.options.language)
        return text

    def span(self, start: Any, end: Any, sentence: Any = None) -> tuple[int, int]:
        """The characters from one offset to another, half-open."""
        start, end = whole(start), whole(end)
        size, first = len(self.units or self.string[self.shift :]) - bool(self.units), 0
        if self.tokens is not None:
            size = len(self.tokens)
            if sentence is not None:
                if not 0 <= whole(sentence) < len(self.firsts) - 1:
                    raise RowError(f"there is no sentence {sentence}", _OUTSIDE)
                first = self.firsts[sentence]
                size = self.firsts[sentence + 1] - first
        if not 0 <= start < end <= size:
            of = "characters" if self.tokens is None else "tokens"
            raise RowError(f"{start}:{end} of {size} {of}", _OUTSIDE)
        return self.characters(first + start, first + end)

    def characters(self, start: int, end: int) -> tuple[int, int]:
        """The characters that sound offsets mean."""
        if self.tokens is not None:
            return self.starts[start], self.starts[end - 1] + len(self.tokens[end - 1])
        if self.units:
            start, end = self.units[start], self.units[end]
        return start + self.shift, end + self.shift

    def numbered(self, numbers: Any) -> Mention:
        """The mention made of numbered tokens."""
        wanted = sorted({whole(number) for number in items(numbers)})
        return self.joined([self.span(number, number + 1) for number in wanted])

    def joined(self, pieces: Sequence[tuple[int, int]]) -> Mention:
        """The mention made of pieces of the text; it is discontinuous if they do not touch."""
        if not pieces:
            raise RowError("a mention without a piece", _OUTSIDE)
        ordered = sorted(pieces)
        strings = [self.string[start:end] for start, end in ordered]
        string, _ = join_tokens(strings, self.options.language)
        start, end = ordered[0][0], ordered[-1][1]
        if self.string[start:end] == string:
            return Mention(string, start, end)
        return Mention(string, discontinuous=True)

    def spelled(self, string: Any) -> str:
        """A string as the text spells it."""
        if not isinstance(string, str):
            raise RowError(f"no string: {string!r:.60}")
        if self.options.respell == "never":
            return string
        fold = _without_accents if self.options.respell == "accents" else str.lower
        return as_written(self.string, string, fold)

    def torn(self, mentions: Sequence[Mention]) -> bool:
        """Whether a mention is not at its place, or begins or ends in a word or at a blank."""
        text = self.string
        for string, start, end, _, _ in mentions:
            if start is None or end is None:
                continue
            cuts = [cut for cut in (start, end) if 0 < cut < len(text)]
            if text[start:end] != string or string != string.strip():
                return True
            # Chinese words, and those of its neighbors, have no ends to see.
            if any(
                text[cut - 1].isalnum() and text[cut].isalnum() and text[cut] < _CJK for cut in cuts
            ):
                return True
        return False


def joined_passages(passages: Iterable[tuple[Any, Any]]) -> str:
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


def as_written(text: str, name: str, fold: Callable[[str], str]) -> str:
    """The first piece of `text` that is `name` but for what `fold` levels, or `name` itself."""
    if name in text:
        return name
    folded, origins = [], []
    for position, character in enumerate(text):
        base = fold(character)
        folded.append(base)
        origins += [position] * len(base)
    wanted = fold(name)
    start = "".join(folded).find(wanted) if wanted else -1
    if start < 0:
        return name
    end = origins[start + len(wanted) - 1] + 1
    while end < len(text) and unicodedata.combining(text[end]):
        end += 1
    return text[origins[start] : end]


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c))
