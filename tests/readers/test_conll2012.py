"""Names as brackets in the eleventh column, over folders of files."""

from __future__ import annotations

import pytest

from pipeline.errors import RawFileError
from pipeline.records import Mention, Record
from tests.readers.reading import reader

read = reader("conll2012")


def sentence(document, *words, after=("-",)):
    return "".join(
        "   ".join([document, "0", str(i), word, "XX", "*", "-", "-", "-", "-", name, *after])
        + "\n"
        for i, (word, name) in enumerate(words)
    )


def write(path, *sentences):
    path.parent.mkdir(parents=True, exist_ok=True)
    body = "\n".join(sentences)
    path.write_text(f"#begin document (x); part 000\n{body}\n#end document\n")


def rows(path, **options):
    return list(read([path], language="en", **options))


def test_names_of_one_word_and_more(tmp_path):
    first = sentence("bn/a/00/a_0001", ("Ada", "(PERSON*"), ("Vale", "*)"), ("left", "*"))
    second = sentence("bn/a/00/a_0001", ("In", "*"), ("May", "(DATE)"), after=("(V*)", "*", "(3"))
    write(tmp_path / "a.gold_conll", first, second)

    assert rows(tmp_path / "a.gold_conll") == [
        Record(
            "Ada Vale left",
            "a.gold_conll:2",
            [Mention("Ada Vale", 0, 8, "PERSON")],
            source_id="bn/a/00/a_0001",
        ),
        Record(
            "In May", "a.gold_conll:6", [Mention("May", 3, 6, "DATE")], source_id="bn/a/00/a_0001"
        ),
    ]


def test_names_may_be_nested(tmp_path):
    words = [("Oslo", "(ORG(GPE)"), ("Bank", "*)")]
    write(tmp_path / "a.gold_conll", sentence("d", *words))

    (record,) = rows(tmp_path)

    assert record.mentions == [Mention("Oslo", 0, 4, "GPE"), Mention("Oslo Bank", 0, 9, "ORG")]


def test_escapes_become_characters(tmp_path):
    words = [("-LRB-", "*"), ("and\\/or", "(ORG)"), ("-RRB-", "*"), ("/.", "*")]
    write(tmp_path / "a.gold_conll", sentence("d", *words))

    (record,) = rows(tmp_path)

    assert (record.text, record.mentions) == ("( and/or ) .", [Mention("and/or", 2, 8, "ORG")])


def test_a_folder_is_read_in_the_order_of_paths_without_skeletons(tmp_path):
    for name in (
        "nw/b.v4_gold_conll",
        "bc/c.gold_conll",
        "bc/a.v4_gold_skel",
        "bc/a.v4_auto_conll",
    ):
        write(tmp_path / name, sentence(name, ("Yes", "*")))

    assert [r.source_id for r in rows(tmp_path)] == ["bc/c.gold_conll", "nw/b.v4_gold_conll"]


def test_documents_without_names_are_skipped(tmp_path):
    write(tmp_path / "a.gold_conll", sentence("pt/nt/40/nt_4001", ("Simon", "*")))
    write(tmp_path / "b.gold_conll", sentence("bn/a/00/a_0001", ("Rain", "*")))

    assert [r.text for r in rows(tmp_path, without_names=["pt/"])] == ["Rain"]
    assert [r.text for r in rows(tmp_path)] == ["Simon", "Rain"]


@pytest.mark.parametrize(
    ("names", "detail"),
    [
        (["(GPE*", "*"], "(GPE stays open"),
        (["(GPE)", "*)"], "'*)' closes nothing"),
        (["(GPE)", "B-GPE"], "'B-GPE' is no bracket of a name"),
    ],
)
def test_brackets_that_do_not_match_reject_the_sentence(tmp_path, names, detail):
    bad = sentence("d", ("Oslo", names[0]), ("fell", names[1]))
    write(tmp_path / "a.gold_conll", bad, sentence("d", ("Rain", "*")))

    broken, record = rows(tmp_path)

    assert (broken.reason, broken.detail, broken.entities) == ("unknown_tag", detail, 1)
    assert record.text == "Rain"


def test_a_line_with_too_few_columns_rejects_the_sentence(tmp_path):
    write(tmp_path / "a.gold_conll", sentence("d", ("Oslo", "(GPE)")) + "d 0 1 fell\n")

    (broken,) = rows(tmp_path)

    assert (broken.origin, broken.reason, broken.entities) == (
        "a.gold_conll:3",
        "missing_column",
        1,
    )


def test_a_folder_without_any_such_file_is_an_error(tmp_path):
    with pytest.raises(RawFileError, match="gold_conll"):
        rows(tmp_path)
