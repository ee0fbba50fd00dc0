import json

import pytest

from pipeline.errors import RawFileError
from pipeline.records import Argument, Event, Mention, Record
from tests.readers.reading import reader

read = reader("casie_json")

TEXT = "Crooks locked the files of Varnia Clinic and asked for $9,000."


def part(text, start, **more):
    return {
        "index": "T1",
        "text": text,
        "startOffset": start,
        "endOffset": start + len(text),
        **more,
    }


def argument(role, text, start):
    return part(text, start, type="Organization", role={"type": role, "confidence": 0.9})


def event(nugget, *arguments, subtype="Ransom"):
    event = {"index": "E1", "type": "Attack", "subtype": subtype, "realis": "Actual"}
    return {**event, "nugget": nugget, **({"argument": [*arguments]} if arguments else {})}


def article(*hoppers, content=TEXT, number="7"):
    listed = [{"index": n, "events": events} for n, events in enumerate(hoppers)]
    return {
        "sourcefile": f"{number}.txt",
        "info": {"date": "2019_01_01"},
        "content": content,
        "cyberevent": {"hopper": listed},
    }


def parse(tmp_path, *articles, name="{}.json"):
    for number, content in enumerate(articles, start=7):
        raw = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / name.format(number)).write_text(raw)
    return list(read([tmp_path], language="en"))


def test_hoppers_are_flattened_and_an_event_may_lack_arguments(tmp_path):
    locked = event(part("locked", 7), argument("Victim", "Varnia Clinic", 27))
    asked = event(part("asked for", 45), argument("Price", "$9,000", 55))

    expected = Record(
        TEXT,
        "7.json",
        [
            Mention("locked", 7, 13),
            Mention("Varnia Clinic", 27, 40),
            Mention("asked for", 45, 54),
            Mention("$9,000", 55, 61),
            Mention("files", 18, 23),
        ],
        (),
        [
            Event("Ransom", 0, (Argument("Victim", 1),)),
            Event("Ransom", 2, (Argument("Price", 3),)),
            Event("Databreach", 4, ()),
        ],
        "7.txt",
    )
    leak = event(part("files", 18), subtype="Databreach")
    assert [expected] == parse(tmp_path, article([locked, asked], [leak]))


@pytest.mark.parametrize("shift", [-12, -2, -1, 1, 5])
def test_a_shift_of_all_offsets_is_undone(tmp_path, shift):
    one = event(part("locked", 7 + shift), argument("Victim", "Varnia Clinic", 27 + shift))
    two = event(part("asked for", 45 + shift), argument("Attacker", "Crooks", shift))

    (record,) = parse(tmp_path, article([one, two]))

    expected = [("locked", 7), ("Varnia Clinic", 27), ("asked for", 45), ("Crooks", 0)]
    assert expected == [(m.text, m.start) for m in record.mentions]


def test_the_shift_chooses_among_equal_strings(tmp_path):
    text = "we paid, he paid, they all paid the gang."
    one = event(part("paid", 11), argument("Attacker", "the gang", 31))

    (record,) = parse(tmp_path, article([one], content=text))

    assert [Mention("paid", 12, 16), Mention("the gang", 32, 40)] == record.mentions


def test_one_wrong_offset_alone_is_left_to_normalize(tmp_path):
    one = event(part("locked", 7), argument("Victim", "Varnia Clinic", 27))
    two = event(part("asked for", 41), argument("Price", "$9,000", 55))

    dropped, record = parse(tmp_path, article([one, two]))

    assert (dropped.reason, dropped.records) == ("offsets_dropped", 0)
    assert Mention("asked for") == record.mentions[2]


def test_a_mention_cut_off_by_the_end_is_what_is_left(tmp_path):
    one = event(part("leaked.", 14), argument("Compromised-Data", "Data", 0))

    (record,) = parse(tmp_path, article([one], content="Data has been leaked"))

    assert Mention("leaked", 14, 20) == record.mentions[0]


def test_articles_come_in_the_order_of_their_numbers(tmp_path):
    for number in ("10", "9", "100"):
        (tmp_path / f"{number}.json").write_text(json.dumps(article(number=number)))

    found = [record.source_id for record in read([tmp_path], language="en")]

    assert found == ["9.txt", "10.txt", "100.txt"]


def test_broken_articles_are_rejected_with_their_id_and_counts(tmp_path):
    wrong = {**part("locked", 7), "startOffset": "7"}
    lost = article([event(wrong, argument("Victim", "Varnia Clinic", 27))])

    first, second = parse(tmp_path, '{"content": ', lost)

    assert (first.reason, first.source_id, first.events) == ("malformed_json", "7.txt", 0)
    assert (second.reason, second.source_id) == ("malformed_record", "8.txt")
    assert (second.events, second.arguments) == (1, 1)


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(RawFileError, match=r"ends in \.json"):
        list(read([tmp_path], language="en"))
