"""Files of many tools and habits: each gives exactly its records, or is refused by its kind."""

import gzip
import json
import zipfile

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


def place(spans, number):
    """Start and end of an entity."""
    return list(spans[number][:2])


def words(text, span):
    """The first word of a span, and its last one."""
    first = len(text[: span[0]].split())
    return [first, first + len(text[slice(*span[:2])].split()) - 1]


def pairs(row):
    """JSON lines: `row` makes a row of a text, its entities and a relation (head, tail, label)."""
    rows = [row(text, spans, *link) for text, spans in FACTS for link in links(spans)]
    return "".join(json.dumps(row) + "\n" for row in rows)


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
    "relations by the words of their ends": (
        lines(
            lambda t, s: {
                "sentence": t.split(),
                "ner": [[*words(t, span), span[2]] for span in s],
                "relations": [
                    [*words(t, s[a]), *words(t, s[b]), label, "", False, False]
                    for a, b, label in links(s)
                ],
            }
        ),
        True,
        "relations",
    ),
    "a relation a row, by the words of its ends": (
        pairs(
            lambda t, s, a, b, label: {
                "tokens": t.split(),
                "relation": label,
                "subj": dict(zip(("start", "end"), words(t, s[a]), strict=True)),
                "obj": dict(zip(("start", "end"), words(t, s[b]), strict=True)),
            }
        ),
        None,
        "relations",
    ),
    "a relation a row of a table, by places": (
        ",text,e1_start,e1_end,e2_start,e2_end,relation\n"
        + "".join(
            f"{n},{t},{s[a][0]},{s[a][1]},{s[b][0]},{s[b][1]},{label}\n"
            for n, (t, s) in enumerate(FACTS)
            for a, b, label in links(s)
        ),
        None,
        "relations",
    ),
    "relations by the places of their ends": (
        lines(
            lambda t, s: {
                "text": t,
                "entities": s,
                "relations": [
                    {"head": place(s, a), "tail": place(s, b), "type": label}
                    for a, b, label in links(s)
                ],
            }
        ),
        True,
        "relations",
    ),
    "relations with two ids in a list": (
        lines(
            lambda t, s: {
                "text": t,
                "mentions": [
                    {"id": f"s0-m{n}", "type": k, "begin": a, "end": b, "level": "NONE"}
                    for n, (a, b, k) in enumerate(s)
                ],
                "relations": [
                    {"id": f"r{a}", "type": k, "args": [f"s0-m{a}", f"s0-m{b}"]}
                    for a, b, k in links(s)
                ],
            }
        ),
        True,
        "relations",
    ),
    "pairs of strings by label": (
        lines(
            lambda t, s: {
                "text": t,
                "relations": {
                    label: [[t[slice(*place(s, a))], t[slice(*place(s, b))]]]
                    for a, b, label in links(s)
                },
            }
        ),
        None,
        "relations",
    ),
    "relations as the Hub has DocRED's": (
        lines(
            lambda t, s: {
                "title": t[:7],
                "sents": [t.split()],
                "vertexSet": [
                    [
                        {
                            "name": t[a:b],
                            "pos": [words(t, (a, b))[0], words(t, (a, b))[1] + 1],
                            "sent_id": 0,
                            "type": k,
                        }
                    ]
                    for a, b, k in s
                ],
                "labels": {
                    "head": [a for a, *_ in links(s)],
                    "tail": [b for _, b, _ in links(s)],
                    "relation_id": ["P1" for _ in links(s)],
                    "relation_text": [label for *_, label in links(s)],
                    "evidence": [[0] for _ in links(s)],
                },
            }
        ),
        True,
        "relations",
    ),
    "a field that is the same in all": (
        lines(
            lambda t, s: {
                "text": t,
                "chunks": [
                    {
                        "begin": a,
                        "end": b - 1,
                        "kind_of": "chunk",
                        "result": t[a:b],
                        "metadata": {"names": k, "sentence": "0"},
                    }
                    for a, b, k in s
                ],
            }
        ),
        True,
        "",
    ),
    "lists of objects by label": (
        lines(
            lambda t, s: {
                "text": t,
                "entities": {
                    k: [{"indices": [a, b], "rule": "Q7"} for a, b, own in s if own == k]
                    for k in ("PER", "ORG", "LOC")
                },
            }
        ),
        True,
        "",
    ),
    "several places of each entity": (
        lines(lambda t, s: {"text": t, "names": [{"spans": [[a, b]], "kind": k} for a, b, k in s]}),
        True,
        "",
    ),
    "arguments as lists of a role and a string": (
        lines(lambda t, s: event(t, s, [[k, string] for string, k in strings(t, s)])),
        None,
        "events",
    ),
    "NaN where a value is missing": (
        lines(
            lambda t, s: {
                "text": t,
                "score": float("nan"),
                "entities": [{"start": a, "end": b, "label": k} for a, b, k in s],
            }
        ),
        True,
        "",
    ),
    "words behind their language": (
        "\n".join(
            "".join(f"en:{w}\t{tag}\n" for w, tag in zip(t.split(), tags(t, s), strict=True))
            for t, s in FACTS
        ),
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

    one_a_row = len(records) > len(FACTS)
    texts = [text for text, spans in FACTS for _ in (links(spans) if one_a_row else [0])]
    assert [record.text for record in records] == texts
    for record, (text, spans) in () if one_a_row else zip(records, FACTS, strict=True):
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

    if one_a_row:
        read = {
            (record.text, r.label, *(record.mentions[n].text for n in (r.head, r.tail)))
            for record in records
            for r in record.relations
        }
        assert read == {
            (text, label, text[slice(*place(spans, a))], text[slice(*place(spans, b))])
            for text, spans in FACTS
            for a, b, label in links(spans)
        }


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


ROWS = [
    {"text": t, "entities": [{"start": a, "end": b, "label": k} for a, b, k in s]} for t, s in FACTS
]
BY_TYPE = [
    {"text": t, "entities": [{"start": a, "end": b, "type": k} for a, b, k in s]} for t, s in FACTS
]


def turns(one, other):
    """JSON lines of two forms in turn."""
    return "".join(json.dumps((one, other)[n % 4 == 2][n]) + "\n" for n in range(len(FACTS)))


def marked(form):
    """JSON lines whose texts have marks around the names."""

    def text(text, spans):
        for a, b, k in sorted(spans, reverse=True):
            text = text[:a] + form.format(text[a:b], k) + text[b:]
        return text

    return lines(lambda t, s: {"text": text(t, s)})


#: Kind -> (content, what it is called, what to do).
REFUSED = {
    "two names of one field": (
        turns(ROWS, BY_TYPE),
        "rows of another form: 6, the first at train.txt:3: no label: None",
        "add --reader span_json",
    ),
    "rows of two splits": (
        json.dumps({"train": ROWS[:-4], "test": ROWS[-4:]}),
        "the field '^test' would not be read (1 time)",
        "part the files",
    ),
    "relations of a form that is not read": (
        lines(
            lambda t, s: {
                "text": t,
                "entities": [{"start": a, "end": b, "label": k} for a, b, k in s],
                "relations": [f"{a}-{label}-{b}" for a, b, label in links(s)],
            }
        ),
        "the field 'relations' would not be read (18 times)",
        "if it may be lost, add --reader",
    ),
    "a label that is the string itself": (
        lines(
            lambda t, s: {
                "text": t,
                "entities": [
                    {"text": t[a:b], "start_pos": a, "end_pos": b, "marks": [{"of": k}]}
                    for a, b, k in s
                ],
            }
        ),
        "the labels are the strings that they label",
        "convert the files",
    ),
    "columns of strings by label": (
        ",text,PER,ORG,LOC\n"
        + "".join(
            f"{n},{t},{','.join(string for string, _ in strings(t, s))}\n"
            for n, (t, s) in enumerate(FACTS)
            if s
        ),
        "no reader fits",
        "convert the files",
    ),
    "roles as fields of an event": (
        lines(
            lambda t, s: {
                "text": t,
                "events": [{**EVENT, **{k: string for string, k in strings(t, s)}}] * bool(s),
            }
        ),
        "the nearest is event_json: there is no field 'event_list'",
        "convert the files",
    ),
    "numbers of tags beside a label": (
        lines(
            lambda t, _: {
                "words": t.split(),
                "tags": [n % 3 for n, _ in enumerate(t.split())],
                "image": "a.png",
            }
        ),
        "no reader fits",
        "say what the numbers in 'tags' mean",
    ),
    "elements in texts of JSON": (
        marked("<{1}>{0}</{1}>"),
        "as elements around the words",
        "write JSON lines",
    ),
    "links in texts of JSON": (marked("[{0}]({1})"), "links in Markdown", "write JSON lines"),
    "brackets in lines": (
        marked("[{1} {0}]").replace('{"text": "', "").replace('"}', ""),
        "brackets around the words",
        "write JSON lines",
    ),
    "a comma behind the last": (
        "[\n" + "".join(json.dumps(row)[:-1] + ",},\n" for row in ROWS) + "]\n",
        "a comma behind the last item",
        "perl -0pe",
    ),
    "JSON in strings": (
        "".join(json.dumps(json.dumps(row)) + "\n" for row in ROWS),
        "each line is a string that holds JSON",
        "jq -c fromjson",
    ),
    "a name twice": (
        "".join(json.dumps(row)[:-1] + ', "text": "more"}\n' for row in ROWS),
        "a name stands twice in one object",
        "rename or remove",
    ),
    "an answer of a language model": (
        f"Here it is:\n```json\n{json.dumps(ROWS)}\n```\n",
        "an answer of a language model",
        "keep the JSON alone",
    ),
    "tags below each sentence": (
        "".join(f"{t}\n{' '.join(tags(t, s))}\n\n" for t, s in FACTS),
        "the tags of a sentence stand in the line below it",
        "write a token and its tag a line",
    ),
    "words with their class": (
        "".join(" ".join(f"{w}/n" for w in t.split()) + "\n" for t, _ in FACTS),
        "words bear their class",
        "write a token and its tag a line",
    ),
    "marks of OpenNLP": (
        "".join(f"<START:per> {t[:8]} <END>{t[8:]}\n" for t, _ in FACTS),
        "OpenNLP",
        "write JSON lines",
    ),
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


#: Language -> (text, names, towns, whether ends are told from the words).
LANGUAGES = {
    "ko": (
        "{}은 {}년에 {}에서 공장을 열었다.",
        ["김민수", "이영희", "박철수"],
        ["서울", "부산", "대구"],
    ),
    "th": ("{}เดินทางไปในปี{}ที่{}", ["สมชาย", "มานี", "ปิติ"], ["เชียงใหม่", "กรุงเทพ", "ภูเก็ต"]),
    "zh": (
        "{}在{}年用 iPhone 在{}开会 OK 。",
        ["Bob Lee", "林舟", "Ann"],
        ["苏州", "New York", "拉萨"],
    ),
}


@pytest.mark.parametrize("inclusive", [0, 1])
@pytest.mark.parametrize("language", LANGUAGES)
def test_ends_in_other_languages(language, inclusive, tmp_path):
    form, names, towns = LANGUAGES[language]
    rows, wanted = [], set()
    for n in range(24):
        name, town = names[n % 3], towns[n // 2 % 3]
        text = form.format(name, 1900 + n, town)
        spans = [
            (text.index(s), text.index(s) + len(s), k) for s, k in ((name, "PER"), (town, "LOC"))
        ]
        wanted |= {text[a:b] for a, b, _ in spans}
        own = [{"start": a, "end": b - inclusive, "label": k} for a, b, k in spans]
        rows.append(json.dumps({"text": text, "entities": own}, ensure_ascii=False))

    draft, records = drafted(tmp_path, "\n".join(rows))

    assert draft.dataset.language == language
    assert {m.text for r in records for m in r.mentions} == wanted


def test_utf16_in_chinese(tmp_path):
    texts = [f"\U0001f389{'林舟' if n % 2 else '乔一鸣'}于{1900 + n}年到苏州。" for n in range(12)]
    rows = []
    for text in texts:
        name = text[1:3] if text[1] == "林" else text[1:4]
        own = [(s, text.index(s) + 1, k) for s, k in ((name, "PER"), ("苏州", "LOC"))]
        marks = [{"start": a, "end": a + len(s), "label": k, "text": s} for s, a, k in own]
        rows.append(json.dumps({"text": text, "entities": marks}, ensure_ascii=False))

    _, records = drafted(tmp_path, "\n".join(rows))

    assert {(m.text, m.start) for r in records for m in r.mentions} >= {("林舟", 1), ("乔一鸣", 1)}
    assert [record.text for record in records] == texts


def test_a_tab_in_a_text_of_json_parts_no_cells(tmp_path):
    content = lines(lambda t, s: {"text": f"A\t{t}", "label": [[a + 2, b + 2, k] for a, b, k in s]})

    _, records = drafted(tmp_path, content)

    assert [record.text for record in records] == [f"A\t{text}" for text, _ in FACTS]


def test_what_is_refused_as_not_all_is_read_once_that_is_said(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text(turns(ROWS, BY_TYPE), encoding="utf-8")

    draft = drafting.draft("foo", "span_json", {}, {"train": [path]}, None)

    assert draft.survey.counts["train"]["records"] == 24
    assert len(draft.survey.rejects["train"]) == 6


def test_a_packed_file_in_a_zip_is_refused(tmp_path):
    path = tmp_path / "train.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("train.jsonl.gz", gzip.compress(turns(ROWS, ROWS).encode()))

    with pytest.raises(RawFileError, match=r"this zip holds a packed file, train\.jsonl\.gz"):
        drafting.draft("foo", None, {}, {"train": [path]}, None)
