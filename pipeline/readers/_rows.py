"""The options of `json_rows`: where things stand in a row of JSON, and what follows them there."""

from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any, Final, Literal

import msgspec

from pipeline.errors import DeclarationError
from pipeline.readers import _paths
from pipeline.readers._paths import EACH, Item, Path, Steps, Table, finder, steps
from pipeline.readers._tags import Tagged

Find = Callable[[Item], Any]
List = Callable[[Item], list[Item] | None]

LISTS: Final = ("entities", "relations", "events")
#: Parts that an item may lack: it may do with the others.
_MAYBE: Final = ("start", "text", "ref")
#: The keys of a piece of a mention that is an object.
PIECE: Final = ("offset", "length")


class Span(Table, frozen=True):
    """How an item says which span it is; `at` leads from the item to where it says it."""

    at: Path = ""
    start: Path | None = None
    #: Without an end the span is as long as its string.
    end: Path | None = None
    text: Path | None = None
    #: A string; a list of strings is several mentions of one place.
    label: Path | None = None
    #: The number of the sentence in which its tokens are counted; without it, in the whole text.
    sentence: Path | None = None
    #: The numbers of its tokens, in place of start and end.
    tokens: Path | None = None
    #: [start, end] or {offset, length} of each of its pieces, in place of start and end; "" where
    #: the span itself has an offset and a length.
    pieces: Path | None = None
    #: The id of an entity or event, or the place of an entity in the list.
    ref: Path | None = None


class Entities(Span, frozen=True):
    """The list of entities. Where several share an id, it stands for the first one in the text."""

    id: Path | None = None
    #: Rows may lack the list, and have no entities then.
    optional: bool = False


class Relations(Table, frozen=True, kw_only=True):
    """The list of relations. With at = "" the row itself is one."""

    at: Path = ""
    label: Path
    head: Span
    tail: Span
    #: Where each relation repeats the tokens of its row.
    tokens: Path | None = None
    #: The label is "<head type>|<label>|<tail type>", where predicates depend on the types.
    signature: bool = False
    optional: bool = False


class Arguments(Span, frozen=True, kw_only=True):
    """The list of arguments in an event."""

    role: Path


class Events(Table, frozen=True, kw_only=True):
    """The list of events. Where there is no trigger, or an empty one, an event has none."""

    at: Path = ""
    label: Path
    id: Path | None = None
    trigger: Span | None = None
    arguments: Arguments | None = None
    optional: bool = False


class Options(Tagged, frozen=True):
    """Where things stand in a row."""

    #: The path of the rows in a file that is one document, e.g. "annotations".
    rows: Path = ""
    #: The file is a table: what parts its cells. Its first row names the fields, or `columns` do.
    #: An empty label says that there is nothing in this row, an empty text that it is as above.
    separator: str | None = None
    columns: tuple[str, ...] = ()
    #: Each file has a first row of other names than `columns`: it is skipped.
    header: bool = False
    #: Cells may stand in quotation marks also where no comma parts them.
    quoted: bool = False
    #: Fields of a row whose strings are values: JSON, or lists as Python prints them.
    packed: tuple[str, ...] = ()
    #: The text; of several paths, the first one that a row has.
    text: Path | tuple[Path, ...] = "text"
    #: A title that belongs to the text: its line is put before it.
    title: Path | None = None
    #: A list of tokens, or of sentences of tokens, in place of a text: then offsets count tokens.
    tokens: Path | None = None
    #: Tokens and strings are written as in treebanks: -LRB- for a bracket.
    treebank: bool = False
    #: What opens and closes the head, then the tail, of the row's relation in its text. Their
    #: places are [start, end] in a list `marks`: head = { at = "marks.0", start = 0, end = 1 }.
    marks: tuple[str, ...] = ()
    #: Cut blanks around a text, quotation marks around all of it, and a line end spelled out.
    trim: bool = False
    inclusive_end: bool = False
    #: What offsets in a text count.
    unit: Literal["characters", "utf-16"] = "characters"
    #: What becomes of a string that does not stand at its offsets.
    misplaced: Literal["reject row", "drop offsets"] = "reject row"
    #: Take the text's spelling of a string that differs from it in accents or in letter case.
    respell: Literal["never", "accents", "case"] = "never"
    #: Entities and arguments with an empty string are lost alone, and not with their row.
    skip_empty: bool = False
    #: A tag for each token, in a list or in one string; numbers mean `tag_names`, from 0 on.
    tags: Path | None = None
    tag_names: tuple[str, ...] = ()
    entities: Entities | None = None
    #: The place of the first entity, for what refers to entities by their places.
    first_ref: int = 0
    relations: Relations | None = None
    events: Events | None = None
    #: The id of the row's document.
    source_id: Path | None = None
    #: Whether a row without its list of annotations is unknown, or known to have none.
    unlabeled: Literal["reject", "none"] = "reject"
    #: Who annotated the row, where several did the same text: "^#" is the file, say.
    annotator: Path | None = None
    #: Whose rows count: of the first for a text, of one by name, or what most of them have.
    annotators: str = "first"
    #: Field -> the values of rows that are gold; others are skipped, and reported.
    only: dict[str, tuple[str | bool, ...]] = msgspec.field(default_factory=dict)


class Layout(Options, frozen=True):
    """The rows that a reader brings into shape (`layouts.toml`)."""

    #: Fields of the raw rows that the reader reads whole.
    whole: tuple[Path, ...] = ()
    #: Kind -> the list in a raw row that says how many of it are lost with the row.
    lost: dict[str, Path] = msgspec.field(default_factory=dict)


class Form:
    """What `_build` follows to make the record of a row.

    `paths` are the steps of all its paths, from the row on, or from the document that holds it.
    """

    def __init__(self, options: Options) -> None:
        o = self.options = options
        texts = o.text if isinstance(o.text, tuple) else [o.text]
        base = (*steps(o.rows), EACH) if o.rows != "" else ()
        self.paths = [(*base, *steps(p)) for p in (texts if o.tokens is None else [o.tokens])]
        self.texts = [finder(path, required=path == texts[-1]) for path in texts]
        self.tokens = None if o.tokens is None else finder(o.tokens)
        self.title = self._found(o.title, base, required=False)
        self.tags = self._found(o.tags, base)
        self.tag_names = dict(enumerate(o.tag_names))
        self.source_id = self._found(o.source_id, base, required=False)
        self.annotator = self._found(o.annotator, base, required=False)
        self.only = [(f, self._found(f, base, required=False), gold) for f, gold in o.only.items()]
        self.entities = self._followed(o.entities, base)
        self.relations = self._followed(o.relations, base)
        self.events = self._followed(o.events, base)
        tables = (self.entities, self.relations, self.events)
        for table, given in zip(tables, (o.entities, o.relations, o.events), strict=True):
            if given is not None and given.at == "" and o.separator is not None:
                table.items = partial(_labeled, table)
        self.lists: list[List | None] = [table and table.items for table in tables]
        self.required = [table is not None and not table.optional for table in tables]
        self.arguments = self.events and self.events.arguments

    def not_gold(self, row: Item) -> str:
        """Return which field says that a row is not gold, or "" if none does."""
        if not isinstance(row.value, dict):
            return ""
        values = ((field, find and find(row), gold) for field, find, gold in self.only)
        odd = (f"{f} is {v!r:.40}" for f, v, gold in values if v is not None and v not in gold)
        return next(odd, "")

    def document(self, row: Item) -> str | None:
        """The id of the document that a row is from."""
        try:
            identifier = self.source_id(row) if self.source_id else None
        except _paths.RowError:
            return None  # No row: this is reported where its text is looked up.
        return str(identifier) if isinstance(identifier, int | str) else None

    def _found(self, path: Path | None, base: Steps, *, required: bool = True) -> Find | None:
        """What finds the value at a path in what stands at the steps `base`."""
        if path is None:
            return None
        self.paths += _above(base, str(path))
        return finder(path, required=required)

    def _followed(self, table: Any, base: Steps) -> Any:
        """Replace the paths of a table by functions; `items` finds the list that `at` names."""
        if table is None:
            return None
        parts: dict[str, Any] = {"at": None, "items": None}
        base += steps(table.at)
        if type(table) is not Span:
            parts["items"] = _paths.lister(table.at)
            base += (EACH,) if table.at != "" or isinstance(table, Arguments) else ()
        elif table.at != "":
            parts["at"] = finder(table.at, required=False)
        for name in (name for name in table.__struct_fields__ if name != "at"):
            value = getattr(table, name)
            maybe = name in _MAYBE or (name == "label" and isinstance(table, Span))
            if isinstance(value, Table):
                parts[name] = self._followed(value, base)
            elif name == "pieces" and value is not None:
                parts[name] = _paths.lister(value)
                # Where the mention itself is its one piece, its path ends in the keys of one.
                keys = [(key,) for key in PIECE] if value == "" else [()]
                self.paths += [(*base, *steps(value), *key) for key in keys]
            elif isinstance(value, bool):
                parts[name] = value
            else:
                parts[name] = self._found(value, base, required=not maybe)
        return SimpleNamespace(**parts)


def _labeled(table: Any, row: Item) -> list[Item]:
    """The row of a table, where it has a label."""
    return [row] if table.label(row) != "" else []


def _above(base: Steps, path: str) -> Iterator[Steps]:
    """The steps of a path that may begin with "^", from the row on; a key is no field.

    Raises DeclarationError where nothing holds what stands at `base`.
    """
    rest = path.lstrip("^")
    for _ in range(len(path) - len(rest)):
        places = [n for n, step in enumerate(base[:-1]) if step in (EACH, _paths.VALUES)]
        if rest != "#" and not places:
            todo = "name a field of what holds the item in a list, or one of the row without the ^"
            what = f"no object holds what {path!r} goes up from"
            raise DeclarationError(what, where="[reader]", todo=todo)
        base = base[: places[-1] + 1] if places else ()
    if rest != "#":
        yield (*base, *steps(rest))
