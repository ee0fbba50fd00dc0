from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import RawFileError
from pipeline.records import Argument, Event, Mention, Record, Reject, Relation
from tests.readers.reading import reader

read = reader("brat")

TEXT = "Zofia Marek joined Velmora in 2019.\nShe broke her upper and lower limb.\n"


def write(folder, annotations, *, text=TEXT, name="letter", suffix=".ann"):
    (folder / f"{name}.txt").write_bytes(text.encode())
    (folder / f"{name}{suffix}").write_bytes(annotations.encode())
    return folder


def found(folder, **options):
    return [*read([folder], language="en", **options)]


def test_entities_relations_and_events(tmp_path):
    write(
        tmp_path,
        "T1\tPerson 0 11\tZofia Marek\n"
        "T3\tStart 12 18\tjoined\n"
        "T2\tCompany 19 26\tVelmora\n"
        "R1\tWorks_for Arg1:T1 Arg2:T2\t\n"
        "E1\tStart:T3 Who:T1 Where:T2\n",
    )

    expected = Record(
        TEXT.rstrip(),
        "letter.txt",
        [
            Mention("Zofia Marek", 0, 11, "Person"),
            Mention("joined", 12, 18),
            Mention("Velmora", 19, 26, "Company"),
        ],
        [Relation("Works_for", 0, 2)],
        [Event("Start", 1, (Argument("Who", 0), Argument("Where", 2)))],
        "letter",
    )
    assert [expected] == found(tmp_path)


def test_a_second_argument_that_stands_first_is_still_the_tail(tmp_path):
    write(tmp_path, "T1\tP 0 5\tZofia\nT2\tC 19 26\tVelmora\nR1\tWorks_for Arg2:T2 Arg1:T1\n")

    assert [Relation("Works_for", 0, 1)] == found(tmp_path)[0].relations


def test_other_role_names_keep_their_order(tmp_path):
    write(tmp_path, "T1\tP 0 5\tZofia\nT2\tP 36 39\tShe\nR1\tCoref Anaphor:T2 Antecedent:T1\n")

    assert [Relation("Coref", 1, 0)] == found(tmp_path)[0].relations


def test_an_event_as_argument_is_its_trigger(tmp_path):
    # E1 points to an event that stands below it.
    write(
        tmp_path,
        "T1\tStart 12 18\tjoined\nT2\tHarm 40 45\tbroke\nT3\tPerson 36 39\tShe\n"
        "E1\tStart:T1 Cause:E2\nE2\tHarm:T2 Who:T3\nE3\tHarm:T2\n",
    )

    expected = [
        Event("Start", 0, (Argument("Cause", 1),)),
        Event("Harm", 1, (Argument("Who", 2),)),
        Event("Harm", 1),
    ]
    assert expected == found(tmp_path)[0].events


@pytest.mark.parametrize(
    ("annotation", "language", "expected"),
    [
        (
            "T1\tLimb 50 55;66 70\tupper limb",
            "en",
            Mention("upper limb", None, None, "Limb", discontinuous=True),
        ),
        (
            "T1\tLimb 50 55;66 70\tupper limb",
            "zh",
            Mention("upperlimb", None, None, "Limb", discontinuous=True),
        ),
        # brat cuts a mention at the end of a line; other tools cut it anywhere
        ("T1\tOdd 30 35;36 39\t2019. She", "en", Mention("2019.\nShe", 30, 39, "Odd")),
        ("T1\tOdd 30 39\t2019. She", "en", Mention("2019.\nShe", 30, 39, "Odd")),
        ("T1\tPerson 0 3;3 5\tZof ia", "en", Mention("Zofia", 0, 5, "Person")),
        # fragments in another order are no span
        (
            "T1\tOdd 6 11;0 5\tMarek Zofia",
            "en",
            Mention("Marek Zofia", None, None, "Odd", discontinuous=True),
        ),
    ],
)
def test_fragments(tmp_path, annotation, language, expected):
    write(tmp_path, annotation)

    assert [expected] == next(read([tmp_path], language=language)).mentions


def test_offsets_are_code_points(tmp_path):
    write(tmp_path, "T1\tPlace 3 7\tŁódź\n", text="\N{DNA DOUBLE HELIX}  Łódź\n")

    assert [Mention("Łódź", 3, 7, "Place")] == found(tmp_path)[0].mentions


def test_a_byte_order_mark_before_the_text_counts(tmp_path):
    write(tmp_path, "T1\tPerson 1 12\tZofia Marek\n", text=f"\ufeff{TEXT}")

    assert [Mention("Zofia Marek", 1, 12, "Person")] == found(tmp_path)[0].mentions


def test_lines_that_no_task_asks_for(tmp_path):
    write(
        tmp_path,
        "T1\tPerson 0 5\tZofia\nA1\tNegation T1\nM1\tSpeculation T1\n*\tEquiv T1 T1\n"
        "N1\tReference T1 Wikidata:Q1\tZofia\n#1\tAnnotatorNotes T1\tunsure\n\n",
    )

    expected = Record(
        TEXT.rstrip(), "letter.txt", [Mention("Zofia", 0, 5, "Person")], [], [], "letter"
    )
    assert [expected] == found(tmp_path)


@pytest.mark.parametrize(
    ("annotation", "reason", "lost"),
    [
        ("T1\tPerson 0 4\tZofia", "offset_mismatch", {"entities": 1}),
        ("T1\tPerson 0 500\tZofia", "offset_out_of_text", {"entities": 1}),
        ("T1\tPerson 5 5\t", "offset_out_of_text", {"entities": 1}),
        ("T1\tPerson x 5\tZofia", "malformed_line", {"entities": 1}),
        ("T1\tPerson 0 5", "malformed_line", {"entities": 1}),
        ("R1\tWorks_for Arg1:T8 Arg2:T9", "unknown_argument", {"relations": 1}),
        ("R1\tWorks_for Arg1:T1", "malformed_line", {"relations": 1}),
        ("E1\tStart:T9 Who:T8", "unknown_trigger", {"events": 1, "arguments": 1}),
        ("E1\tStart Who:T8", "malformed_line", {"events": 1}),
        ("Q1\tnobody knows", "malformed_line", {}),
    ],
)
def test_a_broken_line_is_rejected_and_the_record_stays(tmp_path, annotation, reason, lost):
    write(tmp_path, annotation + "\n")

    expected = [
        Record(TEXT.rstrip(), "letter.txt", [], [], [], "letter"),
        Reject("letter.ann:1", reason, excerpt=annotation, records=0, **lost),
    ]
    assert expected == found(tmp_path)


def test_an_argument_that_names_nothing_is_lost_alone(tmp_path):
    write(tmp_path, "T1\tStart 12 18\tjoined\nT2\tP 0 5\tZofia\nE1\tStart:T1 Who:T2 Where:T7\n")

    record, reject = found(tmp_path)
    assert [Event("Start", 0, (Argument("Who", 1),))] == record.events
    line = "E1\tStart:T1 Who:T2 Where:T7"
    expected = Reject("letter.ann:3", "unknown_argument", excerpt=line, records=0, arguments=1)
    assert expected == reject


def test_a_broken_trigger_is_lost_with_its_event_and_is_no_entity(tmp_path):
    write(tmp_path, "T1\tStart 12 17\tjoined\nE1\tStart:T1\n")

    lost = [(r.reason, r.entities, r.events) for r in found(tmp_path)[1:]]
    assert lost == [("offset_mismatch", 0, 0), ("unknown_trigger", 0, 1)]


def test_an_id_that_occurs_twice(tmp_path):
    write(tmp_path, "T1\tP 0 5\tZofia\nT1\tC 19 26\tVelmora\n")

    record, reject = found(tmp_path)
    assert [Mention("Zofia", 0, 5, "P")] == record.mentions
    assert (reject.reason, reject.entities) == ("duplicate_id", 1)


def test_the_files_of_the_shared_tasks(tmp_path):
    write(tmp_path, "T1\tPerson 0 5\tZofia\n", suffix=".a1")
    write(tmp_path, "T2\tStart 12 18\tjoined\nE1\tStart:T2 Who:T1\n", suffix=".a2")

    (record,) = found(tmp_path, annotations=[".a1", ".a2"])
    assert [Mention("Zofia", 0, 5, "Person"), Mention("joined", 12, 18)] == record.mentions
    assert [Event("Start", 1, (Argument("Who", 0),))] == record.events


def test_a_text_without_all_its_annotations_is_not_one_without_entities(tmp_path):
    write(tmp_path, "T1\tPerson 0 5\tZofia\n", suffix=".a1")

    reject = Reject(
        "letter.txt", "missing_annotations", "there is no letter.a2", TEXT.rstrip(), entities=1
    )
    assert [reject] == found(tmp_path, annotations=[".a1", ".a2"])


def test_annotations_without_a_text(tmp_path):
    write(tmp_path, "", name="a")
    (tmp_path / "b.ann").write_text("T1\tPerson 0 5\tZofia\n")

    assert [*found(tmp_path)[1][:2]] == ["b.txt", "missing_text"]


def test_folders_in_a_folder_and_single_texts(tmp_path):
    (tmp_path / "b").mkdir()
    write(tmp_path / "b", "", text="second")
    write(tmp_path, "", name="a", text="first")
    (tmp_path / "LICENSE").write_text("no text to read")

    assert [(r.text, r.source_id) for r in found(tmp_path)] == [
        ("first", "a"),
        ("second", "b/letter"),
    ]
    assert [r.text for r in read([tmp_path / "b" / "letter.txt"], language="en")] == ["second"]


def test_a_folder_without_texts_is_an_error(tmp_path):
    with pytest.raises(RawFileError, match=r"no text"):
        found(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), text=st.text("aé語\N{GRINNING FACE} \n", min_size=1).map(lambda t: t + "."))
def test_round_trip(tmp_path, data, text):
    index = st.integers(0, len(text) - 1)
    spans = data.draw(st.lists(st.tuples(index, index).map(lambda s: (min(s), max(s) + 1))))
    rows = [
        f"T{n}\tX {start} {end}\t{text[start:end]}".replace("\n", " ")
        for n, (start, end) in enumerate(spans)
    ]
    write(tmp_path, "\n".join(rows), text=text)

    expected = [Mention(text[start:end], start, end, "X") for start, end in spans]
    assert [Record(text, "letter.txt", expected, [], [], "letter")] == found(tmp_path)
