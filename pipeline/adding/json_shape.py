"""Infer from their contents which fields of JSON rows hold the text and the annotations.

The longest string is the text. A list of objects holds mentions if they have two numbers that fit
the text, or a string of it. It holds relations if their values are ids or places of mentions, or
two strings of the text. It holds events if they have a trigger or a list of roles. Names decide
only between fields with the same kind of contents. The results are options of `json_rows`.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import permutations
from typing import Any, Final

from pipeline.adding import json_lists
from pipeline.adding.json_lists import APPROVED, FIELDS, Items, are_strings, leaves, lists, value_at

Options = dict[str, Any]
#: A mark that closes the head or the tail of a relation in a text: </e1>, [/E1].
_CLOSING: Final = re.compile(r"([<\[])/([A-Za-z]\w{0,9})([>\]])")
_MARKED: Final = {
    "head": {"at": "marks.0", "start": 0, "end": 1},
    "tail": {"at": "marks.1", "start": 0, "end": 1},
}
_ID: Final = re.compile(r"[A-Za-z]{1,3}[-_]?\d+")
#: Strings that make up this share of a text make up all of it: some words are joined by a blank.
_MOST: Final = 0.9
#: How many items are inspected to see whether two numbers are the ends of spans.
_ENOUGH: Final = 200


def shapes(rows: Sequence[Any], path: str = "") -> Iterator[Options]:
    """Yield options with which the rows may be read, the likeliest first.

    The rows are the documents themselves, or lie at `path` in a document.
    """
    places = {"rows": path} if path else {}
    for text in _texts(rows):
        for base in _annotated(rows, text):
            yield {**places, **base, **_document(rows)}
    if len(rows) == 1 and not path:
        for inside, inner in json_lists.documents(rows[0]):
            yield from shapes(inner, inside)


def of_one(rows: Sequence[Any]) -> Iterator[Options]:
    """Yield options that read each row as one mention or relation, by characters or by words."""
    (text, *_) = [path for place in _texts(rows) if (path := place.get("text"))] or [""]
    words = [{**row, text: str(row[text]).split()} for row in rows if row.get(text)]
    document = {"source_id": field} if (field := _shared(rows, text)) else {}
    for given in (rows, words):
        for options in shapes(given):
            of_row = options.get("entities", {}).get("at") == ""
            of_pair = "start" in options.get("relations", {}).get("head", {})
            if of_row or of_pair or "marks" in options or "tags" in options:
                yield {**document, **options}


def _shared(rows: Sequence[Any], text: str) -> str | None:
    """Return the field that is the same in rows of one text, and differs if texts differ."""
    for field in (key for row in rows[:1] for key in row if key != text):
        pairs = {(str(row.get(field)), str(row.get(text))) for row in rows}
        if len(pairs) == len({v for v, _ in pairs}) == len({t for _, t in pairs}) < len(rows):
            return str(field)
    return None


def _document(rows: Sequence[Any]) -> Options:
    """Return the option that names the field of the document's id, if there is such a field."""
    named = FIELDS["source_id"]
    keys = {key for row in rows if isinstance(row, dict) for key in row}
    id_key = next((key for name in named for key in keys if key.lower() == name), None)
    values = [row.get(id_key) for row in rows if isinstance(row, dict)] if id_key else []
    sound = values and all(isinstance(v, str | int) for v in values) and len({*values}) > 1
    return {"source_id": id_key} if sound else {}


def gold(rows: Sequence[Any]) -> Options:
    """Return the options that name approved rows, and the field of the annotator.

    The annotator matters only if several annotate the same texts.
    """
    approved: dict[str, list[str | bool]] = {}
    objects = [row for row in rows if isinstance(row, dict)]
    for key, value in (pair for row in objects for pair in row.items()):
        known = APPROVED.get(str(key).lower())
        if known and isinstance(value, bool | str):
            values = approved.setdefault(key, [])
            if value not in values and str(value).lower() in known:
                values.append(value)
    only = {"only": approved} if approved else {}
    keys = {key for row in objects for key in row if str(key).lower() in FIELDS["annotator"]}
    for key in sorted(keys):
        pairs = {(str(max(row.values(), key=_length)), str(row.get(key))) for row in objects}
        if len(pairs) > len({text for text, _ in pairs}):
            return {"annotator": key, **only}
    return only


def _length(value: Any) -> int:
    """Return the length of a string, or of a list of strings; 0 for anything else."""
    parts = value if are_strings(value) else [value] if isinstance(value, str) else []
    return sum(map(len, parts))


def _texts(rows: Sequence[Any]) -> list[Options]:
    """Return where the text may be, the likeliest first: a string, or tokens, nested or not."""
    #: (kind, path) -> of every row, how many characters there are, and whether they are strange.
    seen: dict[tuple[str, str], list[tuple[int, bool]]] = {}
    for row in rows:
        values = [*leaves(row)]
        text = max((value for _, value in values if isinstance(value, str)), key=len, default="")
        for path, value in values:
            if any(step.isdigit() for step in path.split(".")[1:]):
                continue  # The strings of an item in a list are not the text of the row.
            if isinstance(value, str):
                seen.setdefault(("text", path), []).append((len(value), False))
            elif isinstance(value, list) and value:
                flat = value[0] if isinstance(value[0], list) else value
                if flat and are_strings(flat):
                    # Parts of speech and lemmas are also one per word of the text.
                    standing, words = sum(token in text for token in flat), len(text.split())
                    size = sum(map(len, flat))
                    strange = standing * 2 < len(flat) <= words * 2 or (
                        standing == len(flat) and size * 2 < len(text)
                    )
                    seen.setdefault(("tokens", path), []).append((size, strange))
    scores: dict[tuple[str, str], float] = {}
    for (kind, path), in_rows in seen.items():
        total, odd = map(sum, zip(*in_rows, strict=True))
        if len(in_rows) * 2 >= len(rows) and total >= 2 * len(in_rows) >= 4 * odd:
            known = 1 if _rank(kind, path) is None else 3
            # A text is better than its tokens, if both exist.
            scores[kind, path] = total / len(in_rows) * known / (2 if kind == "tokens" else 1)
    best = sorted(scores, key=lambda key: (-scores[key], key))[:3]
    return [{kind: path} for kind, path in best]


def _rank(kind: str, path: str) -> int | None:
    """Rank a name for a field of this kind, the likeliest 0; None if the name says nothing."""
    parts = re.sub("(?<=[a-z])(?=[A-Z])", "_", path).lower().split(".")
    name = parts[-1] if parts[-1] in FIELDS[kind] else path.rsplit(".", 1)[-1].lower()
    names = FIELDS[kind]
    if name in names:
        return names.index(name)
    return next((names.index(part) for part in parts if part in names), None)


def _annotated(rows: Sequence[Any], text: Options) -> Iterator[Options]:
    """Yield options for a text with all annotations that the rows hold for it."""
    ((kind, where),) = text.items()
    tokens = kind == "tokens"
    listings = [*lists(rows, where, tokens=tokens)]
    entities = [o for listing in listings for o in _entities(listing, tokens=tokens)]
    for tags in _tags(rows, where):
        yield {"tokens": where, **tags}
    best = max(entities, key=lambda e: e[0], default=(0.0, {}))[1]
    itself = Items("", [(value_at(row, where), _without(row, where)) for row in rows])
    entities += [
        entity for entity in _entities(itself, tokens=tokens) if _names_a_mention(entity[1])
    ]
    if (marks := () if tokens else _marks(rows, where)) and (label := _kind_of_row(itself)):
        yield {**text, "marks": [*marks], "relations": {"label": label, **_MARKED}}
    relations = [r for listing in (*listings, itself) for r in _relations(listing, best)]
    for listing in listings:
        if all(isinstance(item, list) and len(item) > 2 for _, item in listing.items):
            # They may be a label and two entities each.
            relations += [r for e in entities for r in _between(rows, listing.path, e[1])]
    events = [e for listing in (*listings, itself) for e in _events(listing)]
    others = {
        **({"relations": max(relations, key=lambda r: r[0])[1]} if relations else {}),
        **({"events": max(events, key=lambda e: e[0])[1]} if events else {}),
    }
    used = [table["at"] for table in others.values()]
    used += [table["arguments"]["at"] for table in others.values() if "arguments" in table]
    inside = tuple(f"{path}.*." for path in used)
    free = [e for e in entities if e[1]["at"] not in used and not e[1]["at"].startswith(inside)]
    for _, table in sorted(free, key=lambda e: -e[0])[:2]:
        extras: list[Options] = [{}]
        extras += [{"inclusive_end": True}] if table.get("end") is not None else []
        by_place = "id" not in table and "ref" in others.get("relations", {}).get("head", {})
        extras += [{"first_ref": 1}] if by_place else []
        for extra in extras:
            yield {**text, **extra, "entities": table, **others}
    if others:
        yield {**text, **others}


def _names_a_mention(table: Options) -> bool:
    """Whether a row that may be a mention gives its place, or names its label and its string."""
    parts = {"label": table["label"], "string": table.get("text", "")}
    named = all(_rank(kind, str(path)) is not None for kind, path in parts.items())
    return "end" in table or (named and parts["label"] != parts["string"])


def _marks(rows: Sequence[Any], text: str) -> tuple[str, ...]:
    """Return the marks that open and close the head, then the tail, in most of the texts."""
    counts: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        marks = {match.groups() for match in _CLOSING.finditer(str(value_at(row, text)))}
        # The head is named so, or comes first in the alphabet, as e1 does.
        heads = sorted(marks, key=lambda m: (m[1].lower() not in FIELDS["head"], m[1]))
        if len(heads) == 2:
            counts[tuple(f"{a}{bar}{name}{b}" for a, name, b in heads for bar in ("", "/"))] += 1
    most, n = max(counts.items(), key=lambda item: item[1], default=((), 0))
    return most if n * 2 > len(rows) else ()


def _without(row: Any, text: str) -> Any:
    """Return the row without its text: what is left may be a relation or an event."""
    return {k: v for k, v in row.items() if k != text} if isinstance(row, dict) else row


def _named(kind: str, paths: Iterable[str]) -> str | None:
    """Return the path with the likeliest name for a field of this kind; None if no name fits."""
    ranked = [(rank, path) for path in paths if (rank := _rank(kind, path)) is not None]
    return min(ranked)[1] if ranked else None


def _label(listing: Items, taken: set[str | None]) -> str | None:
    """Return the field of the label: by its name, else the one with the fewest values.

    The key of an item is its label only if the item has no other; numbered names are rather ids.
    """
    # A short label may occur in the text by chance: `name` may be a label or a string.
    free = [path for path in (*listing.labels, *listing.strings) if path not in taken]
    free = [path for path in free if path.rsplit(".", 1)[-1].lower() not in FIELDS["annotator"]]
    if (path := _named("label", free)) is not None and path.rsplit(".", 1)[-1] not in ("0", "1"):
        return path
    values = {path: {*map(str, listing.values(path))} for path in listing.labels}
    # What is the same in all items says less than what differs, and a number says nothing.
    ranks = {
        p: (_are_ids(v) or all(map(str.isdigit, v)), len(v) == 1, p == "^#", len(v), p)
        for p, v in values.items()
        if p in free
    }
    return min(ranks, key=lambda path: ranks[path], default=None)


def _are_ids(values: Iterable[str]) -> bool:
    """Whether strings look like the ids of annotations: T1, R12, e_3."""
    return all(map(_ID.fullmatch, values))


def _kind_of_row(listing: Items) -> str | None:
    """Return the field that labels a whole row: by its name, or with the fewest values."""
    if (named := _label(listing, set())) is not None:
        return named
    kinds = {path: len({*listing.values(path)}) for path in listing.strings}
    path = min(kinds, key=lambda path: kinds[path], default="")
    return path if path and kinds[path] * 2 < len(listing.items) else None


def _entities(listing: Items, *, tokens: bool) -> Iterator[tuple[float, Options]]:
    """Yield (weight, options) for reading the items of a list as mentions."""
    strings = [path for path in listing.strings if path != "^#"] or listing.strings
    string = _named("string", strings) or next(iter(strings), None)
    if string is not None and (_segmented(listing, string) or string in FIELDS["trigger"]):
        return
    if "^^#" in listing.labels + listing.strings:
        places = {"start": "0", "end": "1", "label": "^^#", "text": "^#"}
        yield 2.0 * len(listing.items), {"at": listing.path, **places}
        return
    label = _label(listing, {string})
    if label is None and len(listing.strings) == 1:
        label, string = string, None
    if label is None:
        return
    table = {"at": listing.path, "label": label}
    if not tokens and {"offset", "length"} <= {*listing.numbers}:
        yield 2.0 * len(listing.items), {**table, "pieces": ""}
        return
    if listing.path and len(listing.pieces) == 1:
        yield 2.0 * len(listing.items), {**table, "pieces": listing.pieces[0]}
        return
    start, end, fitting = _ends(listing, listing.numbers, string)
    if start is not None:
        table |= {"start": start, "end": end} if end is not None else {"start": start}
        if string is not None and not tokens and string != label:
            table["text"] = string
        ids = [path for path in listing.ids if path not in (start, end, label, string)]
        numbered = (path for path in ids if _are_ids(map(str, listing.values(path))))
        named = "^#" if "^#" in ids else _named("id", ids) or next(numbered, None)
        if listing.path and named is not None:
            table["id"] = named
        yield len(listing.items) * (1 + fitting), {k: _position(v) for k, v in table.items()}
    elif string is not None:
        yield len(listing.items) * 0.5, {**table, "text": string}


def _segmented(listing: Items, string: str) -> bool:
    """Whether the strings are all words and signs of the texts, as where parts of speech are told.

    A text may be made of entities alone, such as an address, but then no sign is one by itself.
    """
    sizes: Counter[str] = Counter()
    signs = 0
    for text, item in listing.items:
        word = str(value_at(item, string) or "")
        sizes[str(text)] += len(word)
        signs += bool(word) and not any(map(str.isalnum, word))
    whole = sum(size >= _MOST * len("".join(text.split())) for text, size in sizes.items())
    return bool(signs) and 2 * whole > len(sizes)


def _position(path: str) -> str | int:
    return int(path) if path.isdigit() else path


def _ends(
    listing: Items, numbers: Sequence[str], string: str | None
) -> tuple[str | None, str | None, float]:
    """Return the fields of start and end, and their score: fit to the texts, and known names."""
    scores = {}
    for start, end in permutations(numbers, 2):
        if not _are_ends(start, end, numbers):
            continue
        if (fit := _fitting(listing, start, end, string)) > 0.5:
            names = (_rank("start", start), _rank("end", end))
            scores[start, end] = fit + sum(rank is not None for rank in names)
    if scores:
        start, end = min(scores, key=lambda ends: (-scores[ends], ends))
        return start, end, scores[start, end]
    starts = [s for s in numbers if _rank("start", s) is not None or "start" in s]
    if string is not None and starts:
        return starts[0], None, 1.0
    return None, None, 0.0


def _are_ends(start: str, end: str, numbers: Collection[str]) -> bool:
    """Whether two fields may be start and end: not two of many in a list, nor head and tail."""
    places = [path.rpartition(".")[::2] for path in (start, end)]
    listed = [place for place, last in places if place and last.isdigit()]
    others = {f"{place}.{n}" for place in listed for n in range(3)} - {start, end}
    known = _rank("start", start) is not None or _rank("end", end) is not None
    sides = {start.lower(), end.lower()} & {*FIELDS["head"], *FIELDS["tail"]}
    return not others & {*numbers} and (known or not sides)


def _fitting(listing: Items, start: str, end: str, string: str | None) -> float:
    """Return how often two numbers are the ends of a span, or of the given string, in the text."""
    fit = 0.0
    some = listing.items[:_ENOUGH]
    for text, item in some:
        a, b = value_at(item, start), value_at(item, end)
        if type(a) is not int or type(b) is not int or not hasattr(text, "__len__"):
            continue
        if not 0 <= a <= b <= len(text):
            continue
        given = value_at(item, string) if string and isinstance(text, str) else None
        fit += given is None or given in (text[a:b], text[a : b + 1]) or 0.5
    return fit / len(some)


def _tags(rows: Sequence[Any], tokens: str) -> Iterator[Options]:
    """Yield options for tags: as many as tokens, recurring strings or numbers, or one string."""
    counts: Counter[str] = Counter()
    kinds: dict[str, set[Any]] = {}
    for row in rows:
        given = value_at(row, tokens)
        words = given.split() if isinstance(given, str) else given
        if not isinstance(words, list) or (words is not given and len(words) < 2):
            continue  # A word beside its tag is no sentence.
        for path, value in leaves(row):
            if isinstance(value, str) and value is not given and len(words) > 1:
                value = value.replace(",", " ").split()  # noqa: PLW2901
            parallel = isinstance(value, list) and len(value) == len(words) > 0 and path != tokens
            if parallel and all(isinstance(tag, str) or type(tag) is int for tag in value):
                counts[path] += 1
                kinds.setdefault(path, set()).update(value)
    sound = [path for path, n in counts.items() if n * 2 > len(rows)]
    for path in sorted(sound, key=lambda p: (99 if (r := _rank("tags", p)) is None else r, p)):
        numbers = any(type(tag) is int for tag in kinds[path])
        if numbers or "O" in kinds[path] or len(kinds[path]) < 50:
            schemes = ("IOB2",) if numbers else ("IOB2", "BIOES", "IO")
            for scheme in schemes:
                options = {} if scheme == "IOB2" else {"scheme": scheme}
                yield {"tags": path, **options}


def _relations(listing: Items, entities: Options) -> Iterator[tuple[float, Options]]:
    """Yield (weight, options) for items as relations, by ids, places or strings of their ends."""
    of_lists = all(isinstance(item, list) or "^#" in item for _, item in listing.items)
    if of_lists and listing.labels and (ends := _ends_in_order(listing)):
        # The head comes first, as in a triple of strings.
        head, tail = ends
        label = _label(listing, {str(path) for end in ends for path in end.values()})
        table: Options = {"at": listing.path, "label": _position(label or listing.labels[0])}
        yield float(3 * len(listing.items)), {**table, "head": head, "tail": tail}
        return
    sides = {side: _side(side, listing) for side in ("head", "tail")}
    if None in sides.values() or sides["head"] == sides["tail"]:
        # Their ends are two ids in a list.
        ids = listing.labels
        two = [p[:-2] for p in ids if p.endswith(".0") and f"{p[:-2]}.1" in ids]
        if len(two) != 1 or f"{two[0]}.2" in ids:
            return
        sides = {"head": {"ref": f"{two[0]}.0"}, "tail": {"ref": f"{two[0]}.1"}}
    head, tail = sides["head"] or {}, sides["tail"] or {}
    taken: set[str | None] = {str(path) for side in (head, tail) for path in side.values()}
    label = _label(listing, taken)
    if label is None:
        return
    if "ref" in head and (not entities or listing.path == entities.get("at")):
        return
    table = {"at": listing.path, "label": label, "head": head, "tail": tail}
    yield float(len(listing.items)), table


def _ends_in_order(listing: Items) -> list[Options]:
    """Return the ends of relations that are lists of two strings, or of four numbers; else none."""
    if len(listing.strings) == 2:
        return [{"text": _position(path)} for path in listing.strings]
    if len(listing.numbers) == 4:
        numbers = [_position(path) for path in listing.numbers]
        return [dict(zip(("start", "end"), numbers[n : n + 2], strict=True)) for n in (0, 2)]
    return []


def _between(rows: Sequence[Any], path: str, table: Options) -> Iterator[tuple[float, Options]]:
    """Yield (weight, options) for lists of a label and two entities, by their ids or places."""
    kinds: list[list[str]] = []
    place = str(table["at"]).removesuffix(".**")
    for row in rows:
        given, items = (value_at(row, at) or [] for at in (place, path))
        if not isinstance(given, list | dict) or not isinstance(items, list) or path == place:
            return
        known: Collection[Any] = range(len(given) + 1)  # They may count from 1.
        if "id" in table:
            of_keys = table["id"] == "^#"
            known = given if of_keys else [value_at(e, str(table["id"])) for e in given]
        for item in items:
            values = item if isinstance(item, list) else ()
            kinds.append(["ref" if v in known else type(v).__name__ for v in values])
    columns = [{*column} for column in zip(*kinds, strict=False)]
    refs = [place for place, kind in enumerate(columns) if kind == {"ref"}]
    if len(refs) == 2 and {"str"} in columns:
        sides = {side: {"ref": place} for side, place in zip(("head", "tail"), refs, strict=True)}
        yield float(3 * len(kinds)), {"at": path, "label": columns.index({"str"}), **sides}


def _side(side: str, listing: Items) -> Options | None:
    """Return the options of the head or the tail of a relation; None if no field names it."""
    paths = (*listing.strings, *listing.labels, *listing.numbers)
    named = [path for path in paths if _is_side(side, path)]
    strings = [path for path in named if path in listing.strings]
    types = [p for p in named if p in listing.labels and p.lower().rsplit(".", 1)[-1] != side]
    kind = next((p for p in types if "type" in p.lower() or "label" in p.lower()), None)
    if strings:
        string = min(strings, key=len)
        return {"text": string, **({"label": kind} if kind else {})}
    numbers = [path for path in named if path in listing.numbers]
    start, end, _ = _ends(listing, numbers, None)
    if end:
        return {"start": start, "end": end, **({"label": kind} if kind else {})}
    refs = [path for path in named if path in listing.ids and path != kind]
    return {"ref": min(refs, key=len)} if refs else None


def _is_side(side: str, path: str) -> bool:
    """Whether a path names this end of a relation, such as subject_type, em1Text or from_id."""
    first = path.lower().split(".")[0]
    names = FIELDS[side]
    return first in names or any(
        first.startswith((f"{name}_", f"{name}type")) or (len(name) > 2 and first.startswith(name))
        for name in names
    )


def _events(listing: Items) -> Iterator[tuple[float, Options]]:
    """Yield (weight, options) for items as events, with a trigger or a list of roles."""
    objects = [(text, item) for text, item in listing.items if isinstance(item, dict)]
    keys = Counter(key for _, item in objects for key in item)
    trigger = _named("trigger", [k for k in keys if keys[k] * 4 > len(objects)])
    arguments = _named("arguments", [k for k in keys if keys[k] * 4 > len(objects)])
    if trigger is None and arguments is None:
        return
    flat = Items(
        listing.path, [(t, {k: v for k, v in i.items() if k != arguments}) for t, i in objects]
    )
    label = _label(flat, {trigger})
    if label is None:
        return
    table: Options = {"at": listing.path, "label": label}
    if trigger is not None:
        # Of several triggers, the first is read.
        several = any(isinstance(event.get(trigger), list) for _, event in objects)
        first = f"{trigger}.0" if several else trigger
        parts = [(t, v) for t, i in objects if isinstance(v := value_at(i, first), dict)]
        place = {"at" if parts else "text": first}
        table["trigger"] = _span(Items(first, parts) if parts else flat, place, "trigger")
    held = [{"text": t, arguments: i.get(arguments)} for t, i in objects if arguments]
    for part_list in lists(held, "text", tokens=False):
        at, parts = part_list.path, part_list.items
        names = {k for _, part in parts if isinstance(part, dict) for k in part}
        role = _named("role", names) if at == arguments else "^#"
        if at == arguments and all(isinstance(part, list) for _, part in parts):
            names = {*part_list.labels}  # Lists of a role and a string.
            role = min(names, default=None)
        if role is not None and names and at in (arguments, f"{arguments}.**"):
            span = _span(part_list, {}, "argument", {role})
            table["arguments"] = {"at": at, "role": _position(role), **span}
    roles = [p for p in flat.strings if trigger is None or not p.startswith(trigger)]
    if "arguments" in table or ("trigger" in table and not roles):
        yield float(len(objects) * 2), table


def _span(listing: Items, base: Options, kind: str, taken: Collection[str] = ()) -> Options:
    """Return the options of the span of a trigger or an argument: string, start and end."""
    strings = [p for p in listing.strings if p not in taken]
    text = base.get("text") or _named("argument", strings) or next(iter(strings), None)
    start, end, _ = _ends(listing, listing.numbers, text)
    if start is None:
        starts = [p for p in listing.numbers if "start" in p and (kind in p or "at" in base)]
        start = next(iter(starts), None)
    table = {**base, "text": text, "start": start, "end": end}
    if text is None and start is None:
        # What has neither a string nor a place names an entity.
        table["ref"] = next((path for path in listing.ids if path not in taken), None)
    return {key: _position(v) if key != "at" else v for key, v in table.items() if v is not None}
