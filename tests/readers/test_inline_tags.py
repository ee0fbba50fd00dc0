import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import PipelineError
from pipeline.records import Mention, Record, Reject
from tests.readers.reading import reader

read = reader("inline_tags")


@pytest.fixture
def parse(tmp_path):
    """Read a string as one file, in English."""

    def parse(raw, **options):
        path = tmp_path / "train"
        path.write_bytes(raw.encode())
        return [*read([path], language="en", **options)]

    return parse


def test_a_line_is_a_sentence(parse):
    raw = "who:O played:O ariel:B-ROLE ?:O <=> <NULL>\n\nbig:B-TITLE fish:I-TITLE <=> <NULL>"
    assert parse(raw) == [
        Record("who played ariel ?", "train:1", [Mention("ariel", 11, 16, "ROLE")]),
        Record("big fish", "train:3", [Mention("big fish", 0, 8, "TITLE")]),
    ]


def test_the_last_colon_parts_token_and_tag(parse):
    [record] = parse("3:30:B-TITLE to:I-TITLE :::O <=> <NULL>\r\n")
    assert record == Record("3:30 to ::", "train:1", [Mention("3:30 to", 0, 7, "TITLE")])


def test_the_last_arrow_ends_the_sentence(parse):
    [record] = parse("a:O <=>:O b:B-X <=> greet\n")
    assert (record.text, record.mentions) == ("a <=> b", [Mention("b", 6, 7, "X")])


def test_a_tag_scheme_is_an_option(parse):
    [record] = parse("a:S-X b:B-X c:E-X <=> <NULL>\n", scheme="BIOES")
    assert record.mentions == [Mention("a", 0, 1, "X"), Mention("b c", 2, 5, "X")]


@pytest.mark.parametrize(
    ("line", "reason", "detail", "entities"),
    [
        ("a:B-X b:O", "no_class", "no ` <=> ` in the line", 1),
        ("a:B-X b c:B-X <=> <NULL>", "missing_tag", "'b' is no token:tag", 2),
        ("a:B-X  b:O <=> <NULL>", "missing_tag", "'' is no token:tag", 1),
        (":O a:O <=> <NULL>", "missing_tag", "'O' is no token:tag", 0),
        ("a:Q b:B-X <=> <NULL>", "unknown_tag", "'Q' is no tag of IOB2", 1),
        ("<=> <NULL>", "no_class", "no ` <=> ` in the line", 0),
    ],
)
def test_a_broken_line_is_rejected_with_what_it_loses(parse, line, reason, detail, entities):
    broken, kept = parse(f"{line}\na:O <=> <NULL>\n")

    assert broken == Reject("train:1", reason, detail, broken.excerpt, entities=entities)
    assert kept == Record("a", "train:2", [])


TOKENS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=" \r\n\ufeff"),
    min_size=1,
    max_size=5,
)
RUNS = st.tuples(st.lists(TOKENS, min_size=1, max_size=4), st.sampled_from([None, "YEAR", "A-B"]))


@given(st.lists(st.lists(RUNS, min_size=1, max_size=5), max_size=4))
def test_parse_of_serialize_is_the_identity(tmp_path_factory, sentences):
    lines, expected = [], []
    for runs in sentences:
        pieces, mentions, text = [], [], ""
        for tokens, label in runs:
            text += " " if text else ""
            start, text = len(text), text + " ".join(tokens)
            tags = [f"B-{label}"] + [f"I-{label}"] * len(tokens) if label else ["O"] * len(tokens)
            pieces += [f"{token}:{tag}" for token, tag in zip(tokens, tags, strict=False)]
            if label:
                mentions.append(Mention(text[start:], start, len(text), label))
        lines.append(" ".join(pieces) + " <=> <NULL>\n")
        expected.append(Record(text, f"z:{len(lines)}", mentions))
    path = tmp_path_factory.getbasetemp() / "z"
    path.write_text("".join(lines), encoding="utf-8", newline="")
    assert [*read([path], language="en")] == expected


@given(st.binary(max_size=80))
def test_any_bytes_give_records_rejects_or_one_of_our_errors(tmp_path_factory, raw):
    path = tmp_path_factory.getbasetemp() / "w"
    path.write_bytes(raw)
    try:
        found = [*read([path], language="en")]
    except PipelineError:
        return
    assert all(isinstance(item, Record | Reject) for item in found)
