"""The text of a row, with marks in it or none, and what its offsets mean in it.

A mark opens or closes a span of any kind, or the head or the tail of the relation of the text:
<e1>Ada</e1> left <e2>Oslo</e2>.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from pipeline.readers._paths import Item, RowError
from pipeline.readers._rows import Form, Options
from pipeline.readers._source import items, join_tokens, whole
from pipeline.records import Mention
from pipeline.text import TREEBANK

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


def unmarked(
    line: str, mark: re.Pattern[str], words: Callable[[str], str] = str
) -> tuple[str, list[tuple[int, int, str]]] | None:
    """The text without its marks, and (start, end, what the opening mark says) of each span.

    A mark in which a group of the pattern matches opens, any other closes; None where one stays
    open or closes nothing. `words` makes text of what stands between two marks.
    """
    text, position = "", 0
    opened: list[tuple[int, str]] = []
    spans: list[tuple[int, int, str]] = []
    for match in mark.finditer(line):
        text += words(line[position : match.start()])
        position = match.end()
        if match.lastindex:
            opened.append((len(text), match[match.lastindex]))
        elif opened:
            start, said = opened.pop()
            spans.append((start, len(text), said))
        else:
            return None
    return None if opened else (text + words(line[position:]), sorted(spans))


def unmarked_row(row: Item, options: Options) -> Item:
    """The row with its text without marks, and [start, end] of head and tail in a list `marks`.

    A relation that is called "made(e2,e1)" is one of this name, from the second mark to the first.
    """
    field, value = str(options.text), row.value
    text = value.get(field) if isinstance(value, dict) else None
    if not isinstance(text, str):
        raise RowError(f"no text with marks in a field {field!r}")
    bare, ends = unpaired(text, options.marks)
    unmarked_value: dict[str, Any] = {**value, field: bare, "marks": ends}
    label = str(options.relations.label) if options.relations else ""
    if isinstance(name := value.get(label), str):
        unmarked_value[label], turned = directed(name, options.marks)
        unmarked_value["marks"] = ends[::-1] if turned else ends
    return Item(unmarked_value, row.trail)


def directed(label: str, marks: Sequence[str]) -> tuple[str, bool]:
    """The bare name of a relation, and whether it goes from the second mark to the first."""
    one, two = (re.sub(r"\W", "", mark) for mark in marks[::2])
    match = re.fullmatch(rf"(.*)\((?:{one},{two}|({two},{one}))\)", label.strip(), re.IGNORECASE)
    return (match[1], match[2] is not None) if match else (label, False)


def unpaired(marked: str, marks: Sequence[str]) -> tuple[str, list[list[int]]]:
    """A text without its marks, and start and end of what stood between each two of them.

    Where marks are words of their own, each goes with one of its blanks. Raises RowError where each
    mark does not stand in the text once.
    """
    pieces = re.split(f"({'|'.join(map(re.escape, marks))})", marked.strip())
    if sorted(pieces[1::2]) != sorted(marks):
        marks_there = " ".join(pieces[1::2]) or "missing"
        raise RowError(f"the marks are {marks_there}, not {' '.join(marks)}", "malformed_tags")
    text, places = pieces[0], {}
    for mark, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        if mark in marks[1::2] and text[-1:] == " " and piece[:1] in tuple(",;.:!?)"):
            text = text[:-1]  # As in "[E1] Ada [/E1], who": the blank goes with the mark.
        places[mark] = len(text)
        text += piece[1:] if piece[:1] == " " and text[-1:] in ("", " ") else piece
    ends = []
    for opening, closing in zip(marks[::2], marks[1::2], strict=True):
        inner = text[places[opening] : places[closing]]
        start = places[opening] + len(inner) - len(inner.lstrip())
        ends.append([start, start + len(inner.strip())])
    return text.rstrip(), ends
