from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import records
from pipeline.catalog import reader_options
from pipeline.errors import DeclarationError, PipelineError, RawFileError
from pipeline.readers import _tags
from pipeline.records import Mention, Record, Reject
from tests.readers.reading import reader

read = reader("columns")

SCHEMES = ("IO", "IOB1", "IOB2", "BMES", "BIOES")


@pytest.fixture
def parse(tmp_path):
    """Read a string or bytes as one file of columns."""

    def parse(raw, *, language="en", name="x.bio", **options):
        path = tmp_path / name
        path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
        return [*read([path], language=language, **options)]

    return parse


def spans(found):
    return [(m.text, m.label) for m in found.mentions]


def test_offsets_come_from_the_join(parse):
    raw = "the\tO\nthe\tB-X\nthe\tI-X\n\nthe\tB-X\n\n"
    assert parse(raw) == [
        Record("the the the", "x.bio:1", [Mention("the the", 4, 11, "X")]),
        Record("the", "x.bio:5", [Mention("the", 0, 3, "X")]),
    ]


def test_chinese_tokens_are_joined_by_nothing(parse):
    raw = "在\tO\n厦\tB-LOC\n门\tI-LOC\n𠮷\tB-PER\n"
    assert parse(raw, language="zh") == [
        Record("在厦门𠮷", "x.bio:1", [Mention("厦门", 1, 3, "LOC"), Mention("𠮷", 3, 4, "PER")])
    ]


def test_the_tag_may_come_first(parse):
    [record] = parse("B-Dish\tO\nO\tB-Dish\n", token_column=1, tag_column=0)
    assert (record.text, spans(record)) == ("O B-Dish", [("O", "Dish")])


def test_a_middle_column_may_hold_the_tag(parse):
    [record] = parse("0 Ana B-PER x\n1 ran O y\n", separator=" ", token_column=1, tag_column=2)
    assert (record.text, spans(record)) == ("Ana ran", [("Ana", "PER")])


def test_iob1_parts_touching_entities_of_one_label(parse):
    raw = "-DOCSTART- -X- O O\n\nTarrow NNP I-NP I-LOC\nDunmore NNP I-NP B-LOC\n3 CD I-NP O\n"
    [record] = parse(raw, scheme="IOB1", separator=" ")
    assert spans(record) == [("Tarrow", "LOC"), ("Dunmore", "LOC")]


@pytest.mark.parametrize(
    ("scheme", "tags", "expected"),
    [
        ("IOB2", "O I-A I-A O", [(1, 2, "A")]),
        ("IOB2", "B-A I-B I-B B-B", [(0, 0, "A"), (1, 2, "B"), (3, 3, "B")]),
        ("IOB2", "B-A B-A I-A", [(0, 0, "A"), (1, 2, "A")]),
        ("IOB1", "I-A B-A B-A I-B", [(0, 0, "A"), (1, 1, "A"), (2, 2, "A"), (3, 3, "B")]),
        ("IOB2", "B_A I_A B-creative-work I-creative-work", [(0, 1, "A"), (2, 3, "creative-work")]),
        (
            "BMES",
            "S-A S-A B-A E-A B-A M-A E-A",
            [(0, 0, "A"), (1, 1, "A"), (2, 3, "A"), (4, 6, "A")],
        ),
        ("BIOES", "B-A I-A E-A E-A I-A", [(0, 2, "A"), (3, 3, "A"), (4, 4, "A")]),
        ("BIOES", "B-A E-B U-A B-A L-A", [(0, 0, "A"), (1, 1, "B"), (2, 2, "A"), (3, 4, "A")]),
        ("IO", "A A O A B-C", [(0, 1, "A"), (3, 3, "A"), (4, 4, "B-C")]),
        ("IOB2", "", []),
    ],
)
def test_tags_are_decoded(scheme, tags, expected):
    assert _tags.decode(tags.split(), _tags.Tagged(language="en", scheme=scheme)) == expected


@pytest.mark.parametrize("tag", ["B", "B-", "X-A", "o", "BA", "-A", "", "S-A"])
def test_a_tag_of_another_scheme_is_told(tag):
    told = _tags.decode(["O", tag], _tags.Tagged(language="en"))

    assert told.startswith(f"{tag!r} is no tag of IOB2")
    assert ("only_label" in told) == (tag == "B")


def test_further_tags_may_mean_outside(parse):
    raw = "hot O\nsteel O-MATE\nbars S-MATE\n"
    [record] = parse(raw, scheme="BIOES", separator=" ", outside=["O-MATE"])
    assert spans(record) == [("bars", "MATE")]


def test_a_document_marker_inside_a_block_is_no_token(parse):
    raw = "-DOCSTART- O\nhigh O\nwater O\n\n-DOCSTART- O\nQuill B-ROAD\nSt I-ROAD\n"
    assert parse(raw, separator=" ") == [
        Record("high water", "x.bio:2", [], source_id="x.bio#1"),
        Record("Quill St", "x.bio:6", [Mention("Quill St", 0, 8, "ROAD")], source_id="x.bio#2"),
    ]


def test_a_document_marker_ends_the_sentence_before_it(parse):
    raw = "a B-X\n-DOCSTART- -X- O O\nb I-X\n"
    assert [(r.text, r.source_id) for r in parse(raw, separator=" ")] == [
        ("a", None),
        ("b", "x.bio#1"),
    ]


def test_a_document_marker_may_stand_alone_or_be_switched_off(parse):
    assert [r.source_id for r in parse("-DOCSTART-\na\tO\n")] == ["x.bio#1"]
    [record] = parse("-DOCSTART-\tO\na\tO\n", document_marker="")
    assert (record.text, record.source_id) == ("-DOCSTART- a", None)


def test_what_follows_the_marker_is_the_document_id(parse):
    raw = "###MEDLINE:90210001\n\na\tO\n\n###MEDLINE:\nb ###MEDLINE:1\tO\n"
    found = parse(raw, document_marker="###MEDLINE:")
    assert [(r.text, r.source_id) for r in found] == [
        ("a", "90210001"),
        ("b ###MEDLINE:1", "x.bio#2"),
    ]


def test_documents_of_two_files_have_two_names(parse):
    one = parse("-DOCSTART- O\na O\n", separator=" ", name="eng.train")
    two = parse("-DOCSTART- O\na O\n", separator=" ", name="eng.testa")
    assert [r.source_id for r in one + two] == ["eng.train#1", "eng.testa#1"]


@pytest.mark.parametrize("blank", ["", "\t", " ", " \t ", "\r"])
def test_what_an_empty_line_may_hold(parse, blank):
    assert [r.text for r in parse(f"a\tO\n{blank}\n{blank}\nb\tO\n")] == ["a", "b"]


def test_other_white_space_does_not_part_sentences(parse):
    assert parse("a\tO\n\u3000\nb\tO\n") == [
        Reject("x.bio:2", "missing_column", "1 of 2 columns", "\u3000")
    ]


def test_line_ends_byte_order_mark_and_missing_last_newline(parse):
    expected = [
        Record("Ana ran", "x.bio:1", [Mention("Ana", 0, 3, "PER")]),
        Record("ok", "x.bio:4", []),
    ]
    for raw in ("Ana\tB-PER\nran\tO\n\nok\tO", "\ufeffAna\tB-PER\r\nran\tO\r\n\r\nok\tO\r\n"):
        assert parse(raw) == expected


def test_only_the_first_byte_order_mark_is_cut(parse):
    [record] = parse("\ufeff\ufeffa\tO\n\ufeff\tO\nb\ufeff\tB-X\n")
    assert record == Record("\ufeffa \ufeff b\ufeff", "x.bio:1", [Mention("b\ufeff", 5, 7, "X")])


def test_odd_white_space_belongs_to_the_token(parse):
    [record] = parse("New York\tB-X\n\u3000\tI-X\n\x85\tO\n a\tO\n")
    assert record.text == "New York \u3000 \x85  a"
    assert spans(record) == [("New York \u3000", "X")]


def test_blanks_and_tabs_mix_where_no_separator_is_given(parse):
    [record] = parse("Ana  \tB-PER \n\u3000 O\nran\tO\t\n", separator="")
    assert (record.text, spans(record)) == ("Ana \u3000 ran", [("Ana", "PER")])


def test_bytes_that_are_no_text_are_left_for_the_invariant(parse):
    [record] = parse(b"a\xff\tO\n")
    assert records.violation(record) == (
        "invalid_utf8",
        f"character {len(record.text) - 1} is not valid Unicode",
    )


def test_a_broken_row_costs_its_sentence_and_counts_what_goes_with_it(parse):
    raw = "a\tB-X\nb\nc\tB-X\n\nd\tB-X\n\n\tO\n\ne\tB-X\nf\tQ\ng\tI-X\n"
    assert parse(raw) == [
        Reject("x.bio:2", "missing_column", "1 of 2 columns", "b", entities=2),
        Record("d", "x.bio:5", [Mention("d", 0, 1, "X")]),
        Reject("x.bio:7", "empty_token", "tagged 'O'", "\tO"),
        Reject("x.bio:9", "unknown_tag", "'Q' is no tag of IOB2", "e f g", entities=2),
    ]


def test_a_short_row_is_told_whatever_column_is_asked(parse):
    options = {"separator": " ", "token_column": 3, "tag_column": 0}
    assert parse("O\n", **options) == [Reject("x.bio:1", "missing_column", "1 of 4 columns", "O")]
    assert parse("a b\n", separator=" ", token_column=-3) == [
        Reject("x.bio:1", "missing_column", "2 of 3 columns", "a b")
    ]


def test_an_empty_file_has_no_records(parse):
    assert [parse(raw) for raw in ("", "\n\n", "\ufeff", "-DOCSTART-\tO\n")] == [[], [], [], []]


def test_wrong_options_and_missing_files_are_told(parse, tmp_path):
    with pytest.raises(DeclarationError):
        parse("a\tO\n", scheme="BILUO")
    with pytest.raises(RawFileError):
        parse("a\tO\n", encoding="utf-9")
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(RawFileError):
            [*read([path], language="en")]


def reference(tags):
    """The chunks by the two tests of conlleval: does one start here, did one end before here."""
    chunks, first = [], None
    parts = [("O", "")] + [(t[0], t[2:]) for t in tags] + [("O", "")]
    parts = [("I" if p == "M" else p, kind) for p, kind in parts]
    for index in range(1, len(parts)):
        (before, old), (here, new) = parts[index - 1 : index + 1]
        ended = before in "ESLU" or (before in "BI" and (here in "BSUO" or old != new))
        if ended and first is not None:
            chunks.append((first, index - 2, old))
            first = None
        if here != "O" and (here in "BSU" or before in "ESLUO" or old != new):
            first = index - 1
    return chunks


def tags_of(prefixes):
    tag = st.builds("{}-{}".format, st.sampled_from(prefixes), st.sampled_from("XY"))
    return st.lists(st.just("O") | tag, max_size=12)


@given(st.sampled_from(["IOB1", "IOB2"]), tags_of("BI"))
def test_iob_agrees_with_conlleval(scheme, tags):
    assert _tags.decode(tags, _tags.Tagged(language="en", scheme=scheme)) == reference(tags)
    assert _tags.count([*tags, "odd"], _tags.Tagged(language="en", scheme=scheme)) == len(
        reference(tags)
    )


@given(st.sampled_from(["BMES", "BIOES"]), tags_of("BIMESLU"))
def test_bioes_agrees_with_conlleval(scheme, tags):
    assert _tags.decode(tags, _tags.Tagged(language="en", scheme=scheme)) == reference(tags)


def characters(excluded):
    return st.characters(exclude_categories=["Cs"], exclude_characters=excluded)


TOKENS = st.text(characters("\t\r\n"), min_size=1, max_size=5).filter(
    lambda t: not t.startswith("-DOCSTART-")
)
LABELS = st.sampled_from(["PER", "creative-work", "地名", "B-X", "a_b"])
#: A sentence: runs of tokens, each with a label or none.
SENTENCES = st.lists(
    st.tuples(st.lists(TOKENS, min_size=1, max_size=4), st.none() | LABELS), min_size=1, max_size=6
)


def tags_for(sentence, scheme):
    before = None
    for tokens, label in sentence:
        last = len(tokens) - 1
        for index in range(len(tokens)):
            if label is None:
                yield "O"
            elif scheme == "IO":
                yield label
            elif scheme == "IOB1":
                yield ("B-" if index == 0 and before == label else "I-") + label
            elif scheme == "IOB2":
                yield ("B-" if index == 0 else "I-") + label
            else:
                middle = "M-" if scheme == "BMES" else "I-"
                edge = "B-" if index == 0 else "E-" if index == last else middle
                yield ("S-" if last == 0 else edge) + label
        before = label


def expected_record(sentence, scheme, language, origin):
    if scheme == "IO":  # it cannot part what touches
        runs = groupby(sentence, key=lambda run: run[1])
        sentence = [([t for tokens, _ in group for t in tokens], label) for label, group in runs]
    gap = "" if language == "zh" else " "
    text, mentions = "", []
    for tokens, label in sentence:
        text += gap if text else ""
        start, text = len(text), text + gap.join(tokens)
        if label:
            mentions.append(Mention(text[start:], start, len(text), label))
    return Record(text, origin, mentions)


@pytest.mark.parametrize("scheme", SCHEMES)
@given(
    sentences=st.lists(SENTENCES, max_size=4),
    language=st.sampled_from(["en", "zh"]),
    tag_first=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
    last_newline=st.booleans(),
)
def test_parse_of_serialize_is_the_identity(
    tmp_path_factory, scheme, sentences, language, tag_first, end, last_newline
):
    rows, expected = [], []
    for sentence in sentences:
        expected.append(expected_record(sentence, scheme, language, f"x:{len(rows) + 1}"))
        tokens = [token for run, _ in sentence for token in run]
        tags = tags_for(sentence, scheme)
        pairs = zip(tags, tokens) if tag_first else zip(tokens, tags)  # noqa: B905
        rows += ["\t".join(pair) for pair in pairs] + [""]
    text = end.join(rows)
    path = tmp_path_factory.getbasetemp() / "x"
    # The mark keeps a token that begins with U+FEFF from being taken for one.
    path.write_bytes(("\ufeff" + (text + end if last_newline else text.rstrip(end))).encode())
    columns = {"token_column": 1, "tag_column": 0} if tag_first else {}
    found = [*read([path], language=language, scheme=scheme, **columns)]
    assert found == expected
    assert [records.violation(r) for r in found if r.text.strip()] == [
        None for r in found if r.text.strip()
    ]


@given(
    raw=st.binary(max_size=80),
    scheme=st.sampled_from(SCHEMES),
    separator=st.sampled_from(["", " ", "\t"]),
    column=st.integers(-3, 3),
    encoding=st.sampled_from(["utf-8", "gb18030", "latin-1"]),
)
def test_any_bytes_give_records_rejects_or_one_of_our_errors(
    tmp_path_factory, raw, scheme, separator, column, encoding
):
    path = tmp_path_factory.getbasetemp() / "y"
    path.write_bytes(raw)
    options = {"scheme": scheme, "separator": separator, "encoding": encoding}
    try:
        found = [*read([path], language="en", token_column=column, **options)]
    except PipelineError:
        return
    assert all(isinstance(item, Record | Reject) for item in found)


def test_comments_stand_above_a_sentence_and_a_token_may_look_like_one(parse):
    raw = "# id 1\n# text = Ana #\nAna\tB-PER\n# \tO\n\n# id 2\n#tag\tO\n\n# the end\n"
    found = parse(raw, comment="# ")
    assert [(r.text, spans(r), r.origin) for r in found] == [
        ("Ana # ", [("Ana", "PER")], "x.bio:3"),
        ("#tag", [], "x.bio:7"),
    ]


def test_further_columns_are_layers_of_nested_entities(parse):
    raw = "the\tO\tO\nhuman\tB-cell\tB-DNA\nIL\tO\tI-DNA\n\na\tB-X\tO\nb\tO\t?\n"

    nested, broken = parse(raw, tag_column=1, layers=[2])

    assert spans(nested) == [("human", "cell"), ("human IL", "DNA")]
    assert (broken.reason, broken.entities) == ("unknown_tag", 1)


@pytest.mark.parametrize(
    ("raw", "options", "expected"),
    [
        ("Ada PER-B\nFalk PER-I\nin O\nOslo LOC-B\n", {"label_first": True}, ["PER", "LOC"]),
        ("Ada b-per\nFalk i-per\nin o\nOslo b-loc\n", {"outside": ["o"]}, ["per", "loc"]),
        ("Ada B_PER\nFalk I_PER\nin 0\nOslo B:LOC\n", {"outside": ["0"]}, ["PER", "LOC"]),
        ("Ada B\nFalk I\nin O\nOslo B\n", {"only_label": "name"}, ["name", "name"]),
    ],
)
def test_tags_as_they_are_met(parse, raw, options, expected):
    (record,) = parse(raw, separator=" ", **options)

    assert spans(record) == [("Ada Falk", expected[0]), ("Oslo", expected[1])]


def test_a_column_may_begin_sentences_and_cells_may_be_quoted(parse):
    raw = 'Sentence,Word,Tag\nS1,"Oslo, Ltd",B-org\n,",",O\n,"""",O\nS2,Ada,B-per\n'
    options = {"separator": ",", "header": True, "sentence_column": 0, "token_column": 1}

    one, two = parse(raw, **options)

    assert one.text == 'Oslo, Ltd , "'
    assert (spans(one), spans(two)) == ([("Oslo, Ltd", "org")], [("Ada", "per")])


def test_quoted_cells_with_tabs(parse):
    assert parse('He\tO\n""""\tO\n', quoted=True)[0].text == 'He "'
    assert parse('He\tO\n""""\tO\n')[0].text == 'He """"'
    with pytest.raises(RawFileError, match="not a table with quoted cells"):
        parse('He\tO\n"a"b\tO\n', quoted=True)


def test_a_token_with_blanks_is_one_token(parse):
    (record,) = parse("Call O\n+41 79 555 B-PHONE\n. O\n", separator=" ")

    assert spans(record) == [("+41 79 555", "PHONE")]


def test_more_cells_than_columns_are_no_token(parse):
    wide, trailing = parse("a\tO\nb\tX\tB-A\n\nc\tO\t\n")

    assert (wide.reason, wide.detail) == ("extra_column", "3 columns, where 2 are due")
    assert trailing.text == "c"


def test_an_empty_token_that_is_outside_costs_nothing(parse):
    (record,) = parse("a\tB-X\n\tO\nb\tO\n")

    assert (record.text, spans(record)) == ("a b", [("a", "X")])


def test_columns_that_are_not_read_are_named(tmp_path):
    file = tmp_path / "t.tsv"
    file.write_text("Ada\tNNP\tx\tB-PER\nleft\tVBD\t_\tO\n")

    found = reader_options.unread("columns", [file], language="en")

    assert found == {"column 1": 2, "column 2": 1}
