"""Files of many tools and habits: each gives exactly its records, or is refused by its kind."""

import json

import pytest

from pipeline.adding import drafting
from pipeline.catalog import reader
from pipeline.errors import RawFileError

PEOPLE = ["Ada Falk", "Bo Lind", "Cora Stein", "Dev Patel", "Hana Kobo", "Ivo Petrov"]
FIRMS = ["Acme Works", "Evron", "Gant Rail", "Borel Bank"]
TOWNS = ["Oslo", "New Olm", "Turin", "East Rye", "Perth"]
#: (text, [(start, end, label), ...]): person, firm and town, or nothing at all.
FACTS = []
for n in range(24):
    parts = [(PEOPLE[n % 6], "PER"), (FIRMS[n % 4], "ORG"), (TOWNS[n % 5], "LOC")]
    words = "{} joined {} in {} during {} ." if n % 4 else "The weather stayed dull in {3} ."
    TEXT = words.format(*(string for string, _ in parts), 1600 + n)
    found = [(TEXT.find(string), string, label) for string, label in parts if string in TEXT]
    FACTS.append((TEXT, [(at, at + len(string), label) for at, string, label in found]))
#: Relations between the entities of a text, by their places in the list.
LINKS = [(0, 1, "works_for"), (1, 2, "based_in")]


def links(spans):
    return LINKS if spans else []


def lines(row):
    """JSON lines: `row` makes a row of a text and its entities."""
    return "".join(json.dumps(row(text, spans)) + "\n" for text, spans in FACTS)


def by_id(spans):
    return {f"T{n}": {"start": a, "end": b, "label": k} for n, (a, b, k) in enumerate(spans)}


def strings(text, spans):
    return [(text[start:end], label) for start, end, label in spans]


def tags(text, spans, single="B-{}", first="B-{}", last="I-{}"):
    """The tag of each word; every entity has one word or two."""
    given, at = [], 0
    for word in text.split():
        at = text.index(word, at)
        own = [(s, e, label) for s, e, label in spans if s <= at < e]
        for start, end, label in own:
            form = single if text[start:end] == word else first if at == start else last
            given.append(form.format(label))
        given += [] if own else ["O"]
        at += len(word)
    return given


def columns(**forms):
    sentences = (zip(t.split(), tags(t, spans, **forms), strict=True) for t, spans in FACTS)
    return "\n".join("".join(f"{word} {tag}\n" for word, tag in own) for own in sentences)


def csv_cells(dump):
    rows = ((text, dump([list(span) for span in spans])) for text, spans in FACTS)
    return ",text,spans\n" + "".join(
        f'{n},{text},"{cell.replace(chr(34), chr(34) * 2)}"\n'
        for n, (text, cell) in enumerate(rows)
    )


EVENT = {"event_type": "hire", "trigger": "joined"}


def event(text, spans, arguments):
    happened = [{**EVENT, "arguments": arguments}] if spans else []
    return {"text": text, "events": happened}


#: Kind -> (content, whether it has places, kinds of annotation beside entities).
READ = {
    "entities by id": (lines(lambda t, s: {"text": t, "entities": by_id(s)}), True, ""),
    "entities and relations by id": (
        lines(
            lambda t, s: {
                "text": t,
                "entities": by_id(s),
                "relations": {
                    f"R{a}": {"type": label, "head": f"T{a}", "tail": f"T{b}"}
                    for a, b, label in links(s)
                },
            }
        ),
        True,
        "relations",
    ),
    "lists of two places and a label": (
        lines(lambda t, s: {"text": t, "entities": s, "relations": links(s)}),
        True,
        "relations",
    ),
    "lists of ids": (
        lines(
            lambda t, s: {
                "text": t,
                "entities": [[f"T{n}", k, a, b] for n, (a, b, k) in enumerate(s)],
                "relations": [[f"T{a}", label, f"T{b}"] for a, b, label in links(s)],
            }
        ),
        True,
        "relations",
    ),
    "triples of strings": (
        lines(
            lambda t, s: {
                "text": t,
                "triples": [[t[slice(*s[a][:2])], k, t[slice(*s[b][:2])]] for a, b, k in links(s)],
            }
        ),
        None,
        "relations",
    ),
    "triples beside parts of speech": (
        lines(
            lambda t, s: {
                "text": t,
                "postag": [{"word": w, "pos": "w" if w == "." else "n"} for w in t.split()],
                "spo": [
                    {"subject": t[slice(*s[a][:2])], "predicate": k, "object": t[slice(*s[b][:2])]}
                    for a, b, k in links(s)
                ],
            }
        ),
        None,
        "relations",
    ),
    "strings by label": (
        lines(lambda t, s: {"text": t, "names": {k: [string] for string, k in strings(t, s)}}),
        False,
        "",
    ),
    "labels by string": (
        lines(lambda t, s: {"text": t, "names": dict(strings(t, s))}),
        False,
        "",
    ),
    "arguments by role": (
        lines(lambda t, s: event(t, s, {k: string for string, k in strings(t, s)})),
        None,
        "events",
    ),
    "several triggers": (
        lines(
            lambda t, s: {
                "text": t,
                "events": [
                    {
                        "event_type": "hire",
                        "triggers": [{"text": "joined", "start": t.find("joined")}],
                        "arguments": [{"role": k, "text": string} for string, k in strings(t, s)],
                    }
                ]
                * bool(s),
            }
        ),
        None,
        "events",
    ),
    "arguments by the id of an entity": (
        lines(
            lambda t, s: {
                **event(t, s, [{"role": k, "entity": f"T{n}"} for n, (*_, k) in enumerate(s)]),
                "entities": [
                    {"id": f"T{n}", "start": a, "end": b, "label": k}
                    for n, (a, b, k) in enumerate(s)
                ],
            }
        ),
        True,
        "events",
    ),
    "JSON in a cell": (csv_cells(json.dumps), True, ""),
    "lists of Python in a cell": (csv_cells(repr), True, ""),
    "JSON in a string": (
        lines(lambda t, s: {"text": t, "entities": json.dumps(s)}),
        True,
        "",
    ),
    "tags in one string": (
        lines(lambda t, s: {"sentence": t, "word_labels": ",".join(tags(t, s))}),
        True,
        "",
    ),
    "BMEWO": (columns(single="W-{}", last="E-{}"), True, ""),
    "nothing between place and label": (
        columns(single="B{}", first="B{}", last="I{}"),
        True,
        "",
    ),
}


def drafted(tmp_path, content):
    path = tmp_path / f"train.{'csv' if content.startswith(',') else 'txt'}"
    path.write_text(content, encoding="utf-8")
    draft = drafting.draft("foo", None, {}, {"train": [path]}, None)
    return draft, [*reader(draft.dataset)([path])]


@pytest.mark.parametrize("kind", READ)
def test_exactly_the_records_of_the_file(kind, tmp_path):
    content, places, beside = READ[kind]

    _, records = drafted(tmp_path, content)

    assert [record.text for record in records] == [text for text, _ in FACTS]
    for record, (text, spans) in zip(records, FACTS, strict=True):
        named = [m for m in record.mentions if m.label is not None]
        if places is not None:
            assert {(m.text, m.label) for m in named} == {*strings(text, spans)}
        if places:
            assert {(m.start, m.end, m.label) for m in named} == {*map(tuple, spans)}
        assert places is not None or not named
        said = [m.text for m in record.mentions]
        if beside == "relations":
            wanted = {
                (k, text[slice(*spans[a][:2])], text[slice(*spans[b][:2])])
                for a, b, k in links(spans)
            }
            assert {(r.label, said[r.head], said[r.tail]) for r in record.relations} == wanted
        if beside == "events":
            happened = [(e.label, said[e.trigger]) for e in record.events]
            assert happened == [("hire", "joined")] * bool(spans)
            told = {(said[a.mention], a.role) for e in record.events for a in e.arguments}
            assert told == {*strings(text, spans)}


@pytest.mark.parametrize("form", ["JSON", "CSV"])
def test_a_text_may_begin_with_a_bracket(form, tmp_path):
    stamp = "[12:05] "
    spans = [
        (stamp + text, [(start + len(stamp), end + len(stamp), label) for start, end, label in own])
        for text, own in FACTS
        if own
    ]
    if form == "CSV":
        rows = [f"{text},{a},{b},{label}" for text, own in spans for a, b, label in own]
        content = "\n".join(["utterance,start,end,label", *rows])
    else:
        marks = ((t, [{"from": a, "to": b, "kind": k} for a, b, k in own]) for t, own in spans)
        content = "\n".join(json.dumps({"utterance": t, "marks": own}) for t, own in marks)

    _, records = drafted(tmp_path, content)

    read = [(r.text, m.start, m.end, m.label) for r in records for m in r.mentions]
    assert read == [(text, *span) for text, own in spans for span in own]


def moved(by):
    return lambda text, spans: {
        "text": f"Note:\r\n{text}",
        "label": [[start + by, end + by, label] for start, end, label in spans],
    }


#: Kind -> (content, what it is called, what to do).
REFUSED = {
    "a header alone": ("text,start,end,label\n", "finds no annotation", "convert the files"),
    "line ends counted once": (lines(moved(6)), "begin and end where words do", "CRLF"),
    "a page in HTML": ("<!DOCTYPE html>\n<html><p>Log in</p></html>\n", "a page in HTML", "itself"),
    "a pointer": ("version https://git-lfs.github.com/spec/v1\n", "Git LFS", "git lfs pull"),
    "blanks": (" \n\n", "nothing but blanks", "leave it out"),
    "an empty list": ("[]\n", "empty list", "leave it out"),
    "code": ("TRAIN = [\n ('Ada left', {})]\n", "Python code", "json.dump"),
    "chats": (
        lines(lambda t, _: {"messages": [{"role": "user", "content": t}]}),
        "chats",
        "the annotations that the chats were made of",
    ),
    "numbers for labels": (
        lines(
            lambda t, s: {"text": t, "spans": [{"start": a, "end": b, "label": 1} for a, b, _ in s]}
        ),
        "no reader fits",
        "the labels in 'spans.label' are numbers",
    ),
    "an array cut off": (
        "[" + lines(lambda t, s: {"text": t, "label": s}).replace("\n", ",\n")[:-40],
        "not a JSON document",
        "convert the files",
    ),
    "arrays of numpy in a cell": (
        csv_cells(lambda spans: str([k for *_, k in spans]).replace(",", "")),
        "no reader fits",
        "convert the files",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_is_called_by_its_kind(kind, tmp_path):
    content, what, todo = REFUSED[kind]

    with pytest.raises(RawFileError) as told:
        drafted(tmp_path, content)

    assert what in told.value.what
    assert todo in told.value.todo


JAPANESE = ["{}は{}年に大阪で工場を開いた。", "{}の社長は{}年に大阪を訪れた。"]


@pytest.mark.parametrize("inclusive", [0, 1])
def test_ends_in_japanese(inclusive, tmp_path):
    rows = []
    for n in range(24):
        firm = ["東洋電機", "ミドリ銀行", "サクラ商事"][n % 3]
        text = JAPANESE[n % 2].format(firm, 1900 + n)
        spans = [(0, len(firm), "ORG"), (text.index("大阪"), text.index("大阪") + 2, "LOC")]
        own = [{"start": a, "end": b - inclusive, "label": k} for a, b, k in spans]
        rows.append(json.dumps({"text": text, "entities": own}))

    _, records = drafted(tmp_path, "\n".join(rows))

    assert {m.text for r in records for m in r.mentions} == {
        "東洋電機",
        "ミドリ銀行",
        "サクラ商事",
        "大阪",
    }
