import json

import pytest

from pipeline.records import Argument, Event, Mention, Record, Reject
from tests.readers.reading import reader

read = reader("document_events")

ONE = [[["Mines", 0, 5], ["hit", 6, 9], ["Al", 10, 12], ["-", 12, 13], ["Nour", 13, 17]]]
# The offsets count a blank that parts the sentences, and that the text lacks.
TWO = [[["It", 18, 20], ["burned", 21, 27], [".", 27, 28]]]


def entity(number, sentence, start, end, kind, text):
    entity = {"id": f"d-T{number}", "sent_idx": sentence, "start": start, "end": end}
    return {**entity, "entity_type": kind, "mention_type": "UNK", "text": text}


def event(number, sentence, start, text, *arguments, kind="Life.Die.Unspecified"):
    return {
        "id": f"d-E{number}",
        "event_type": kind,
        "trigger": {"start": start, "end": start + 1, "text": text, "sent_idx": sentence},
        "arguments": [{"entity_id": f"d-T{n}", "role": r, "text": "x"} for n, r in arguments],
    }


def document(entities=(), events=()):
    return {
        "doc_id": "d",
        "tokens": ["..."],
        "text": "Mines hit Al-NourIt burned.",
        "sentences": [[*ONE, "Mines hit Al-Nour"], [*TWO, "It burned."]],
        "entity_mentions": [*entities],
        "relation_mentions": [],
        "event_mentions": [*events],
    }


def parse(tmp_path, *rows):
    file = tmp_path / "test.jsonl"
    file.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return list(read([file], language="en"))


NOUR = entity(1, 0, 2, 5, "FAC", "Al-Nour")
IT = entity(2, 1, 5, 6, "FAC", "It")


def test_every_sentence_is_a_record_with_offsets_into_its_own_string(tmp_path):
    events = event(1, 0, 1, "hit", (1, "Target")), event(2, 1, 6, "burned", (2, "Artifact"))

    expected = [
        Record(
            "Mines hit Al-Nour",
            "test.jsonl:1#1",
            [Mention("Al-Nour", 10, 17, "FAC"), Mention("hit", 6, 9)],
            (),
            [Event("Life.Die.Unspecified", 1, (Argument("Target", 0),))],
            "d",
        ),
        Record(
            "It burned.",
            "test.jsonl:1#2",
            [Mention("It", 0, 2, "FAC"), Mention("burned", 3, 9)],
            (),
            [Event("Life.Die.Unspecified", 1, (Argument("Artifact", 0),))],
            "d",
        ),
    ]
    assert expected == parse(tmp_path, document([NOUR, IT], events))


def test_an_argument_in_another_sentence_is_lost_and_counted(tmp_path):
    events = [event(1, 1, 6, "burned", (2, "Artifact"), (1, "Place"))]

    first, second, lost = parse(tmp_path, document([NOUR, IT], events))

    assert (Argument("Artifact", 0),) == second.events[0].arguments
    assert lost == Reject(
        "test.jsonl:1#2",
        "argument_in_other_sentence",
        "Place 'x' of d-E1",
        "It burned.",
        records=0,
        arguments=1,
    )
    assert not first.events


@pytest.mark.parametrize(("sentence", "lost"), [(0, (1, 2, 0)), (1, (1, 2, 1))])
def test_a_mention_outside_of_its_sentence_loses_the_sentence_alone(tmp_path, sentence, lost):
    wrong = entity(3, sentence, 4, 6, "PER", "Nour It")

    found = parse(tmp_path, document([NOUR, IT, wrong], [event(1, 1, 6, "burned")]))
    broken, sound = found[sentence], found[1 - sentence]

    assert sound.origin == f"test.jsonl:1#{2 - sentence}"
    assert broken.reason == "offset_out_of_text"
    assert (broken.records, broken.entities, broken.events) == lost


def test_a_broken_document_counts_its_sentences(tmp_path):
    broken = {**document([NOUR, IT], [event(1, 0, 1, "hit", (1, "Target"))]), "doc_id": "e"}
    del broken["entity_mentions"][0]["sent_idx"]

    (lost,) = parse(tmp_path, broken)

    assert (
        lost.reason,
        lost.records,
        lost.entities,
        lost.events,
        lost.arguments,
    ) == ("malformed_record", 2, 2, 1, 1)
