"""Kinds of files that people bring: each is read as it is meant, or refused with the next step."""

import io
import json
import tarfile
import zipfile

import pytest

from pipeline.adding import drafting, sources, telling
from pipeline.catalog import reader_options
from pipeline.errors import DeclarationError, RawFileError

PEOPLE = ["Ida Moor", "Bo Lee", "Cy Ward", "Flo Marsh", "Gus Holt", "Ann Vale", "Tom Reed", "Eve"]
TOWNS = ["Oslo", "Rye", "New Harbour", "Wells", "Bergen", "East Finch", "Turku", "Bath"]
VERBS = ["left", "visited", "reached"]
#: (text, person, town, verb) of each record.
FACTS = [
    (f"In {1900 + n} {who} {verb} {town} with a dog .", who, town, verb)
    for n in range(24)
    for who, town, verb in [(PEOPLE[n % 8], TOWNS[(n * 3 + 1) % 8], VERBS[n % 3])]
]


def spans(text, who, town, *_):
    return [
        (text.index(string), text.index(string) + len(string), label)
        for string, label in ((who, "PER"), (town, "LOC"))
    ]


def entities(*fact, move=lambda start, end: (start, end)):
    moved = [(*move(start, end), label) for start, end, label in spans(*fact)]
    return [{"start": start, "end": end, "label": label} for start, end, label in moved]


def tagged(text, who, town, *_, first="B", only="B", last="I"):
    """The tokens of a text, and their tags."""
    words = text.split()
    tags = ["O"] * len(words)
    for string, label in ((who, "PER"), (town, "LOC")):
        at, size = words.index(string.split()[0]), len(string.split())
        for n in range(size):
            place = only if size == 1 else first if not n else last
            tags[at + n] = f"{place}-{label}"
    return words, tags


def json_lines(rows, end="\n"):
    return "".join(json.dumps(row) + end for row in rows)


def columns(row="{} {}\n", between="\n", **letters):
    """Every sentence with a token a line."""
    sentences = [zip(*tagged(*fact, **letters), strict=True) for fact in FACTS]
    return between.join("".join(row.format(*pair) for pair in own) for own in sentences)


def table(head, row, marks="{}"):
    rows = (row.format(marks.format(text), *rest) for text, *rest in FACTS)
    return head + "\n" + "".join(f"{own}\n" for own in rows)


def in_characters(_, start, end):
    return start, end


def mention_rows(form, places=in_characters):
    """A row of text for each mention: number of the text, text, mention, label, start, end."""
    return "".join(
        form.format(n, f[0], f[0][start:end], label, *places(f[0], start, end))
        for n, f in enumerate(FACTS)
        for start, end, label in spans(*f)
    )


def in_words(text, start, end):
    """The first word of a mention, and its last one."""
    first = len(text[:start].split())
    return first, first + len(text[start:end].split()) - 1


def places_from(first):
    """Entities, and relations that count them from `first`."""
    return json_lines(
        {
            "text": fact[0],
            "entities": entities(*fact),
            "relations": [{"head": first, "tail": first + 1, "label": fact[3]}],
        }
        for fact in FACTS
    )


def marked(fact, opening="<{}>", closing="</{}>", head="e1", tail="e2"):
    """The text with marks around person and town."""
    text = fact[0]
    for string, name in ((fact[1], head), (fact[2], tail)):
        text = text.replace(string, f"{opening.format(name)}{string}{closing.format(name)}")
    return text


ROWS = json_lines({"text": fact[0], "entities": entities(*fact)} for fact in FACTS)
NER = {"records": 24, "entities": 48}
RE = {"records": 24, "relations": 24}
BY_MENTION = {"records": 48, "entities": 48}
ITSELF = {"at": "", "start": "start", "end": "end", "label": "label"}

#: Kind -> (file, content, options that are found, what is counted).
READ = {
    "a header and a byte order mark": (
        "train.tsv",
        "\ufeffword\ttag\n" + columns("{}\t{}\n"),
        {"name": "columns", "header": True},
        NER,
    ),
    "tags in the middle": (
        "train.txt",
        columns("{} {} NN\n"),
        {"tag_column": 1, "separator": " "},
        NER,
    ),
    "columns parted by bars": ("train.txt", columns("{}|{}\n"), {"separator": "|"}, NER),
    "columns parted by semicolons": (
        "train.csv",
        "word;tag\n" + columns("{};{}\n"),
        {"separator": ";", "header": True},
        NER,
    ),
    "columns aligned by blanks": ("train.txt", columns("{:<12} {}\n"), {"separator": ""}, NER),
    "BILOU": ("train.txt", columns(only="U", last="L"), {"scheme": "BIOES"}, NER),
    "BMES": ("train.txt", columns(only="S", last="E"), {"scheme": "BIOES"}, NER),
    "a column that numbers sentences": (
        "train.csv",
        "sentence_id,words,labels\n"
        + "".join(
            f'{n},"{word}",{tag}\n'
            for n, fact in enumerate(FACTS)
            for word, tag in zip(*tagged(*fact), strict=True)
        ),
        {"name": "columns", "sentence_column": 0, "token_column": 1},
        NER,
    ),
    "a table with semicolons": (
        "train.csv",
        table("id;text;subject;object;predicate", "7;{};{};{};{}", '"{}"'),
        {"name": "pair_table", "separator": ";", "header": True},
        RE,
    ),
    "a table with tabs and quotation marks": (
        "train.tsv",
        table("sentence\te1\te2\trel", "{}\t{}\t{}\t{}", '"{} ""yes"""'),
        {"name": "pair_table", "quoted": True},
        RE,
    ),
    "rows deep in one object": (
        "train.json",
        json.dumps(
            {
                "version": 1,
                "data": {"items": [{"text": f[0], "entities": entities(*f)} for f in FACTS]},
            }
        ),
        {"name": "json_rows", "rows": "data.items"},
        NER,
    ),
    "an object of documents": (
        "train.json",
        json.dumps(
            {f"d{n}": {"text": f[0], "entities": entities(*f)} for n, f in enumerate(FACTS)}
        ),
        {"name": "json_rows", "rows": "**"},
        NER,
    ),
    "unusual fields": (
        "train.jsonl",
        json_lines(
            {"passage": f[0], "marks": [{"at": [a, b], "category": k} for a, b, k in spans(*f)]}
            for f in FACTS
        ),
        {"text": "passage"},
        NER,
    ),
    "counts of UTF-16 units": (
        "train.jsonl",
        json_lines(
            {
                "text": f"\U0001f389\U0001f389 {f[0]}",
                "entities": entities(*f, move=lambda a, b: (a + 5, b + 5)),
            }
            for f in FACTS
        ),
        {},
        NER,
    ),
    "relations by strings": (
        "train.jsonl",
        json_lines(
            {"sentence": text, "facts": [{"subject": who, "relation": verb, "object": town}]}
            for text, who, town, verb in FACTS
        ),
        {"text": "sentence"},
        RE,
    ),
    "relations by place": (
        "train.jsonl",
        places_from(0),
        {},
        {**NER, "relations": 24},
    ),
    "a row that is an event": (
        "train.jsonl",
        json_lines(
            {
                "text": text,
                "event_type": "move",
                "trigger": verb,
                "arguments": [{"role": "who", "text": who}, {"role": "where", "text": town}],
            }
            for text, who, town, verb in FACTS
        ),
        {"name": "json_rows"},
        {"records": 24, "events": 24, "arguments": 48},
    ),
    "two annotators": (
        "train.jsonl",
        json_lines(
            {"text": f[0], "annotator": name, "entities": entities(*f)[:most]}
            for f in FACTS
            for name, most in (("Ann", 2), ("Bo", 1))
        ),
        {"annotator": "annotator"},
        NER,
    ),
    "predictions beside gold": (
        "train.jsonl",
        json_lines(
            {"text": f[0], "predicted_entities": entities(*f)[:1], "gold": entities(*f)}
            for f in FACTS
        ),
        {},
        NER,
    ),
    "inclusive ends of a known format": (
        "train.jsonl",
        json_lines(
            {
                "text": f[0],
                "entities": [
                    {"id": n, "label": k, "start_offset": a, "end_offset": b - 1}
                    for n, (a, b, k) in enumerate(spans(*f))
                ],
            }
            for f in FACTS
        ),
        {"inclusive_end": True},
        NER,
    ),
    "a mention a row, by characters": (
        "train.csv",
        "text,label,start,end\n" + mention_rows("{1},{3},{4},{5}\n"),
        {"name": "json_rows", "separator": ",", "entities": ITSELF},
        BY_MENTION,
    ),
    "a mention a row, by words": (
        "train.csv",
        "sentence_id,text,token_start,token_end,label\n"
        + mention_rows("{0},{1},{4},{5},{3}\n", in_words),
        {"tokens": "text", "inclusive_end": True, "source_id": "sentence_id"},
        BY_MENTION,
    ),
    "a mention a row, by its string": (
        "train.tsv",
        "text\tmention\tlabel\n" + mention_rows("{1}\t{2}\t{3}\n"),
        {"separator": "\t", "entities": {"at": "", "label": "label", "text": "mention"}},
        BY_MENTION,
    ),
    "a mention a row without a header": (
        "train.csv",
        mention_rows("{1};{4};{5};{3}\n"),
        {"separator": ";", "text": "column_0"},
        BY_MENTION,
    ),
    "a mention a row of JSON": (
        "train.jsonl",
        mention_rows('{{"text": "{1}", "label": "{3}", "start": {4}, "end": {5}}}\n'),
        {"entities": ITSELF},
        BY_MENTION,
    ),
    "marks in a text": (
        "train.jsonl",
        json_lines(
            {"sentence": marked(f), "label": f"{f[3]}({'e1,e2' if n % 2 else 'e2,e1'})"}
            for n, f in enumerate(FACTS)
        ),
        {"text": "sentence", "marks": ["<e1>", "</e1>", "<e2>", "</e2>"]},
        RE,
    ),
    "marks in square brackets, in a table": (
        "train.csv",
        "id,sentence,relation\n"
        + "".join(
            f"{n},{marked(f, '[{}] ', ' [/{}]', 'E1', 'E2')},{f[3]}\n" for n, f in enumerate(FACTS)
        ),
        {"separator": ",", "marks": ["[E1]", "[/E1]", "[E2]", "[/E2]"]},
        RE,
    ),
    "marks in a table without a header": (
        "train.tsv",
        "".join(f"{n}\t{marked(f)}\t{f[3]}\n" for n, f in enumerate(FACTS)),
        {"text": "column_1"},
        RE,
    ),
    "relations counted from 1": (
        "train.jsonl",
        places_from(1),
        {"first_ref": 1},
        {**NER, "relations": 24},
    ),
    "places and lengths": (
        "train.jsonl",
        json_lines(
            {
                "text": f[0],
                "hits": [{"offset": a, "length": b - a, "kind": k} for a, b, k in spans(*f)],
            }
            for f in FACTS
        ),
        {"entities": {"at": "hits", "label": "kind", "pieces": ""}},
        NER,
    ),
    "answers of several users": (
        "train.json",
        json.dumps(
            [
                {
                    "id": f"{n}",
                    "status": "completed",
                    "fields": {"text": f[0]},
                    "responses": {
                        "names": [
                            {"value": entities(*f), "user_id": "u1"},
                            {"value": entities(*f)[:1], "user_id": "u2"},
                        ]
                    },
                }
                for n, f in enumerate(FACTS)
            ]
        ),
        {"name": "argilla_responses"},
        NER,
    ),
}


@pytest.mark.parametrize("kind", READ)
def test_a_kind_that_is_read(kind, tmp_path):
    name, content, options, counts = READ[kind]
    (tmp_path / name).write_text(content, encoding="utf-8", newline="")

    draft = drafting.draft("foo", None, {}, {"train": [tmp_path / name]}, None)

    assert {key: draft.dataset.reader.get(key) for key in options} == options
    assert draft.survey.counts["train"] == counts
    first = draft.choice.best.records[0]
    assert "Ida Moor" in {mention.text for mention in first.mentions}
    assert draft.dataset.language == "en"
    assert draft.dataset.one_annotation_per_row == (counts == BY_MENTION)


def wrong_places(move, strings=None, before=""):
    return json_lines(
        {
            "text": before + f[0],
            "entities": [
                {**own, **({"text": string} if strings else {})}
                for own, string in zip(entities(*f, move=move), f[1:3], strict=True)
            ],
        }
        for f in FACTS
    )


def shifted(by):
    return lambda start, end: (start + by, end + by)


#: Kind -> (file, content, words of what is wrong, words of what to do).
REFUSED = {
    "counts from 1": (
        "train.jsonl",
        wrong_places(shifted(1)),
        "the offsets look counted from 1",
        "correct the offsets",
    ),
    "counts from 1 with inclusive ends": (
        "train.jsonl",
        wrong_places(lambda start, end: (start + 1, end)),
        "look counted from 1, and the ends inclusive",
        "correct the offsets",
    ),
    "counts from 1 beside strings": (
        "train.jsonl",
        wrong_places(shifted(1), strings=True),
        "offset_mismatch: 9:17 is 'da Moor ', not 'Ida Moor'",
        "look for counts from 1",
    ),
    "counts of bytes": (
        "train.jsonl",
        wrong_places(shifted(9), before="Über ß "),
        "look like counts of bytes",
        "correct the offsets",
    ),
    "places as one string": (
        "train.jsonl",
        json_lines(
            {"text": f[0], "marks": [{"span": f"{a},{b}", "type": k} for a, b, k in spans(*f)]}
            for f in FACTS
        ),
        "no reader fits",
        "the places in 'marks.span' are no whole numbers, as '8,16' is",
    ),
    "commas behind lines": (
        "train.jsonl",
        ROWS.replace("\n", ",\n"),
        "no reader fits these files: its lines end in commas",
        "take them away, with `sed",
    ),
    "objects without line ends": ("train.json", ROWS.replace("\n", ""), "no reader", "jq -c ."),
    "objects over many lines": (
        "train.json",
        "".join(f"{json.dumps(json.loads(row), indent=1)}\n" for row in ROWS.splitlines()),
        "no reader fits",
        "jq -c .",
    ),
    "answers beside gold tags": (
        "train.txt",
        columns("{0} {1} {1}\n", first="B").replace("B-LOC B-LOC", "B-LOC B-PER"),
        "two columns hold tags of the same labels",
        "--option 'tag_column=-1', or --option 'tag_column=1'",
    ),
    "sentences that nothing parts": (
        "train.txt",
        columns(between=""),
        "one sentence has",
        "part the sentences by empty lines",
    ),
    "flat rows of events": (
        "train.csv",
        table("text,trigger,argument,event_type", "{},{},{},{}"),
        "no reader fits",
        "convert the files",
    ),
    "objects of Python": (
        "train.txt",
        "".join(f"{ {'text': f[0], 'entities': entities(*f)} }\n" for f in FACTS),
        "the first row: \"{'text': 'In 1900",
        "map(ast.literal_eval, sys.stdin)]' < FILE > NEW",
    ),
    "fields of a format that are not all there": (
        "train.jsonl",
        json_lines({"sentText": f[0], "relationMentions": [], "sentId": f[1]} for f in FACTS),
        "the nearest is cotype_json: there is no field 'entityMentions'",
        "convert the files",
    ),
    "marks inside of other elements": (
        "train.xml",
        "".join(
            f"<s>{f[0].replace(f[1], f'<ENAMEX TYPE={chr(34)}PER{chr(34)}>{f[1]}</ENAMEX>')}</s>\n"
            for f in FACTS
        ),
        "these are texts with annotations, or other markup, as elements around the words",
        "write JSON lines with offsets",
    ),
    "more users than answers": (
        "train.jsonl",
        json_lines(
            {"text": f[0], "names.responses": [entities(*f)], "names.responses.users": ["a", "b"]}
            for f in FACTS
        ),
        "no reader fits",
        "convert the files",
    ),
    "text alone": ("train.txt", table("A text", "{}"), "finds no annotation", "convert the files"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_kind_that_is_refused(kind, tmp_path):
    name, content, what, todo = REFUSED[kind]
    (tmp_path / name).write_text(content, encoding="utf-8")

    with pytest.raises(RawFileError) as told:
        drafting.draft("foo", None, {}, {"train": [tmp_path / name]}, None)

    assert what in told.value.what
    assert todo in told.value.todo


def test_a_field_that_may_name_the_split_is_not_passed_over_in_silence(tmp_path):
    rows = ({"text": f[0], "split": "test", "entities": entities(*f)} for f in FACTS)
    (tmp_path / "train.jsonl").write_text(json_lines(rows))

    draft = drafting.draft("foo", None, {}, {"train": [tmp_path / "train.jsonl"]}, None)

    warning = "'split' is not read: if it says which rows are test rows, part the file by it"
    assert warning in [*telling.warnings(draft)]


def test_what_is_not_read_beside_a_place_and_length_is_named(tmp_path):
    rows = (
        {
            "text": f[0],
            "hits": [
                {"offset": a, "length": b - a, "kind": k, "score": 1} for a, b, k in spans(*f)
            ],
        }
        for f in FACTS
    )
    (tmp_path / "train.jsonl").write_text(json_lines(rows))

    draft = drafting.draft("foo", None, {}, {"train": [tmp_path / "train.jsonl"]}, None)

    assert draft.unread == {"hits.score": 48}


AROUND = {"^n": 1, "^in.k": 1}


@pytest.mark.parametrize(
    ("wrapped", "options", "unread"),
    [
        (
            lambda rows: {"n": 0, "in": {"by": "", "k": 1, "rows": rows}},
            {"rows": "in.rows"},
            AROUND,
        ),
        (lambda rows: [{"note": "x", "rows": rows}], {"rows": "0.rows"}, {"^note": 1}),
        (lambda rows: [{"note": "x", "rows": rows}], {"rows": "*.rows"}, {"^note": 1}),
        (lambda rows: [{"note": "x", "rows": rows}], {"rows": "*.rows", "source_id": "^note"}, {}),
    ],
)
def test_what_stands_around_the_rows_of_a_document_is_read_or_named(
    tmp_path, wrapped, options, unread
):
    rows = [{"text": f[0], "ents": entities(*f), "seen": 1} for f in FACTS]
    places = {"at": "ents", "start": "start", "end": "end", "label": "label"}
    (tmp_path / "doc.json").write_text(json.dumps(wrapped(rows)))

    given = {"text": "text", "entities": places, **options}
    draft = drafting.draft("foo", "json_rows", given, {"train": [tmp_path / "doc.json"]}, None)

    assert draft.unread == {"seen": len(FACTS), **unread}


def test_a_path_up_to_what_nothing_holds_is_refused_in_words(tmp_path):
    rows = [{"text": f[0], "ents": entities(*f)} for f in FACTS]
    places = {"at": "ents", "start": "start", "end": "end", "label": "label"}
    (tmp_path / "doc.json").write_text(json.dumps({"kind": "x", "rows": rows}))
    files = {"train": [tmp_path / "doc.json"]}
    given = {"rows": "rows", "text": "text", "entities": places, "source_id": "^kind"}

    with pytest.raises(DeclarationError) as told:
        drafting.draft("foo", "json_rows", given, files, None)
    assert "try no source_id" in told.value.what
    with pytest.raises(DeclarationError, match="no object holds what '\\^kind' goes up from"):
        reader_options.unread("json_rows", files["train"], language="en", **given)


def test_the_column_that_is_named_settles_which_tags_are_gold(tmp_path):
    name, content, *_ = REFUSED["answers beside gold tags"]
    (tmp_path / name).write_text(content, encoding="utf-8")

    draft = drafting.draft("foo", None, {"tag_column": 1}, {"train": [tmp_path / name]}, None)

    assert draft.survey.counts["train"] == NER
    assert draft.survey.labels["entity"] == {"PER": 24, "LOC": 24}


def test_the_agreement_of_annotators_is_told(tmp_path):
    name, content, *_ = READ["two annotators"]
    (tmp_path / name).write_text(content)

    draft = drafting.draft("foo", None, {}, {"train": [tmp_path / name]}, None)

    assert {k: own.f1 for k, own in draft.agreement.items()} == {"PER": 1.0, "LOC": 0.0}
    told = "annotators agree (F1 of spans, kappa of tokens): LOC 0.00, 0.00; PER 1.00, 1.00"
    assert told in [*telling.counts(draft)]


def test_documents_of_sentences_are_read_by_the_format_that_has_them(tmp_path):
    """The tokens of MAVEN stand at a path with a star: "content.*.tokens"."""
    file = tmp_path / "train.jsonl"
    documents = []
    for n, (text, _, _, verb) in enumerate(FACTS):
        words = text.split()
        place = [words.index(verb), words.index(verb) + 1]
        mention = {"trigger_word": verb, "sent_id": 1, "offset": place}
        sentences = [{"tokens": ["It", "was", "late", "."]}, {"tokens": words}]
        events = [{"type": verb, "mention": [mention]}]
        documents.append({"id": f"d{n}", "title": "T", "content": sentences, "events": events})
    file.write_text(json_lines(documents))

    draft = drafting.draft("foo", None, {}, {"train": [file]}, None)

    assert draft.dataset.reader == {"name": "maven"}
    assert draft.survey.counts["train"] == {"records": 24, "events": 24}


def packed(path, names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, ROWS)


def test_a_zip_of_several_splits_is_refused_and_one_of_a_split_is_read(tmp_path):
    packed(tmp_path / "data.zip", ["train.jsonl", "test.jsonl"])
    with pytest.raises(RawFileError, match="this zip holds files of test, train") as told:
        sources.named([tmp_path])
    assert "unzip data.zip" in told.value.todo

    packed(tmp_path / "data.zip", ["in/train.jsonl"])
    splits = sources.named([tmp_path])
    assert drafting.draft("foo", None, {}, splits, None).survey.counts == {"all": NER}


def test_a_tar_archive_is_refused(tmp_path):
    with tarfile.open(tmp_path / "train.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("train.jsonl")
        member.size = len(ROWS)
        archive.addfile(member, io.BytesIO(ROWS.encode()))

    with pytest.raises(RawFileError, match="this is a tar archive"):
        drafting.draft("foo", None, {}, {"train": [tmp_path / "train.tar.gz"]}, None)


def test_annotations_in_a_folder_of_their_own_are_refused(tmp_path):
    for folder, ending, content in (
        ("texts", "txt", FACTS[0][0]),
        ("marks", "ann", "T1\tPER 8 16\tIda Moor\n"),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"a.{ending}").write_text(content)

    with pytest.raises(RawFileError, match="no reader fits") as told:
        drafting.draft("foo", None, {}, {"train": [tmp_path]}, None)
    assert told.value.todo == "put a.txt beside a.ann, and so on"


def test_a_folder_of_several_kinds_asks_which_is_meant(tmp_path):
    (tmp_path / "train.jsonl").write_text(ROWS)
    (tmp_path / "train.txt").write_text(columns())

    with pytest.raises(RawFileError, match=r"several kinds .*: 1 \.jsonl, 1 \.txt") as told:
        sources.named([tmp_path])
    assert f"--split train={tmp_path}/train.jsonl" in told.value.todo


def test_files_left_out_of_a_folder_are_named(tmp_path):
    for name in ("train.txt", "test.txt", "labels.txt", "README.md", "more/notes.pdf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(columns())

    splits = sources.named([tmp_path])

    assert {split: [p.name for p in own] for split, own in splits.items()} == {
        "test": ["test.txt"],
        "train": ["train.txt"],
    }
    left = [path.name for path in sources.left_out([tmp_path], splits)]
    assert left == ["README.md", "labels.txt", "notes.pdf"]
