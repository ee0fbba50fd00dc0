"""Annotations drawn under their text: in cells, in lanes, over several lines."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from pipeline.records import Argument, Event, Mention, Record, Relation
from pipeline.report.examples import Span
from pipeline.terminal import showing as drawing
from pipeline.text import drawn as on_one_line


def drawn(text, spans, width=60):
    return [line.plain for line in drawing.marked(text, [Span(*s) for s in spans], width)]


def test_marks_stand_under_their_text():
    assert drawn("Ada met Tom in Oslo", [(0, 3, "person"), (15, 19, "place")]) == [
        "Ada met Tom in Oslo",
        "━━━            ━━━━",
        "person         place",
    ]


def test_a_chinese_character_takes_two_cells():
    assert drawn("周岚在 Oslo 上学", [(0, 2, "姓名"), (4, 8, "地址")]) == [
        "周岚在 Oslo 上学",
        "━━━━   ━━━━",
        "姓名   地址",
    ]


def test_what_overlaps_stands_in_rows_of_its_own():
    assert drawn("北京大学在海淀", [(0, 4, "学校"), (0, 2, "地点"), (5, 7, "地点")]) == [
        "北京大学在海淀",
        "━━━━      ━━━━",
        "地点      地点",
        "━━━━━━━━",
        "学校",
    ]


def test_a_span_goes_on_in_the_next_line():
    assert drawn("we saw New Harbour Hall today", [(7, 23, "place")], width=12) == [
        "we saw New",
        "       ━━━━",
        "       place",
        "Harbour",
        "━━━━━━━━",
        "Hall today",
        "━━━━",
    ]


def test_a_label_never_leaves_the_line():
    lines = drawn("so we went to Rye", [(14, 17, "settlement")], width=20)

    assert lines[2] == "          settlement"


def test_control_characters_are_shown_as_one_cell():
    assert drawn("a\tb\nc\x00", [(2, 3, "x")])[:2] == ["a→b↵c·", "  ━"]


@given(
    st.text(st.sampled_from("ab 周é́️👨👩‍\n"), min_size=1, max_size=60),
    st.lists(st.tuples(st.integers(0, 59), st.integers(1, 9)), max_size=5),
    st.integers(10, 30),
)
def test_every_span_is_drawn_under_its_own_characters(text, places, width):
    spans = [(a, min(a + n, len(text)), f"L{a}") for a, n in places if a < len(text)]

    lines = drawn(text, spans, width)

    cuts = [*drawing.lines(on_one_line(text), width)]
    assert "".join(text[a:b] for a, b in cuts) == text
    assert all(cell_len(line) <= width + 2 for line in lines)
    for _, _, label in spans:
        assert any(label in line for line in lines)


def test_relations_events_and_what_has_no_place():
    mentions = [
        Mention("Ada", 0, 3, "person"),
        Mention("Tidal", 9, 14),
        Mention("runs", 4, 8),
        Mention("Bo", None, None, "person"),
    ]
    record = Record(
        "Ada runs Tidal",
        "a:1",
        mentions,
        [Relation("works for", 0, 1, (Argument("since", 3),))],
        [Event("lead", 2, (Argument("who", 0),))],
    )

    lines = [line.plain for line in drawing.record(record, 80)]

    assert lines == [
        "Ada runs Tidal",
        "━━━",
        "person, who",
        "    ━━━━",
        "    trigger of lead",
        "         ━━━━━",
        "         tail",
        "  person: Bo (no place in the text)",
        "  works for: Ada → Tidal; since: Bo",
        "  lead: runs; who: Ada",
    ]
