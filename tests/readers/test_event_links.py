import json

from pipeline.records import Argument, Event, Mention, Record
from tests.readers.reading import reader

read = reader("event_links")

SENTENCES = [["Rain", "fell", "."], ["Rebels", "shelled", "Al", "Nour", "."]]


def row(*links, trigger=(4, 4, "conflict.attack.n/a")):
    first, last, label = trigger
    return {
        "doc_key": "nw_1",
        "sentences": SENTENCES,
        "evt_triggers": [[first, last, [[label, 1.0]]]],
        "ent_spans": [[*span, [[role, 1.0]]] for _, span, role in links],
        "gold_evt_links": [*links],
    }


def parse(tmp_path, *rows, language="en"):
    file = tmp_path / "test.jsonlines"
    file.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return list(read([file], language=language))


def test_links_become_arguments_without_the_prefix_of_their_roles(tmp_path):
    links = [[4, 4], [3, 3], "evt004arg01attacker"], [[4, 4], [5, 6], "evt004arg02target"]

    expected = Record(
        "Rain fell . Rebels shelled Al Nour .",
        "test.jsonlines:1",
        [Mention("shelled", 19, 26), Mention("Rebels", 12, 18), Mention("Al Nour", 27, 34)],
        (),
        [Event("conflict.attack.n/a", 0, (Argument("attacker", 1), Argument("target", 2)))],
        "nw_1",
    )
    assert [expected] == parse(tmp_path, row(*links))


def test_each_line_is_a_record_even_of_one_window(tmp_path):
    again = row(trigger=(4, 4, "conflict.attack.bombing"))

    found = parse(tmp_path, row(), again)

    assert [event.label for record in found for event in record.events] == [
        "conflict.attack.n/a",
        "conflict.attack.bombing",
    ]


def test_tokens_are_joined_by_nothing_in_chinese(tmp_path):
    (record,) = parse(tmp_path, row(), language="zh")

    assert ("Rainfell.RebelsshelledAlNour.", [Mention("shelled", 15, 22)]) == (
        record.text,
        record.mentions,
    )


def test_spans_outside_of_the_window_and_links_without_trigger_are_rejected(tmp_path):
    outside = row([[4, 4], [7, 8], "evt004arg04place"])
    loose = row([[1, 1], [3, 3], "evt004arg01attacker"])
    backwards = row([[4, 4], [6, 5], "evt004arg04place"])

    found = parse(tmp_path, outside, loose, backwards)

    assert [(r.reason, r.detail, r.events, r.arguments) for r in found] == [
        ("offset_out_of_text", "7:9 of 8 tokens", 1, 1),
        ("malformed_record", "a link from (1, 1), where no trigger is", 1, 1),
        ("offset_out_of_text", "6:6 of 8 tokens", 1, 1),
    ]


def test_a_row_without_its_parts_is_rejected(tmp_path):
    found = parse(tmp_path, {"sentences": SENTENCES}, [1, 2])

    assert [(r.reason, r.events) for r in found] == [
        ("malformed_record", 0),
        ("malformed_record", 0),
    ]
