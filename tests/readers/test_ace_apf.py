import re

import pytest

from pipeline.errors import DeclarationError, RawFileError
from pipeline.readers._sentences import sentences
from pipeline.records import Argument, Event, Mention, Record, Reject, Relation
from tests.readers.reading import reader

read = reader("ace_apf")

SGM = """<DOC>
<DOCID> D_1 </DOCID>
<BODY><HEADLINE>Varnia mourns</HEADLINE>
<TEXT>
{}
</TEXT></BODY></DOC>
"""


class Apf:
    """Writes a document whose annotations are found by their strings."""

    def __init__(self, body):
        self.sgm = SGM.format(body)
        self.text = re.sub("<[^<>]+>", "", self.sgm)
        self.parts = []

    def charseq(self, string, tag, shown=None):
        start = self.text.index(string)
        place = f'START="{start}" END="{start + len(string) - 1}"'
        return f"<{tag}><charseq {place}>{shown or string}</charseq></{tag}>"

    def entity(self, number, kind, extent, head, shown=None):
        self.parts.append(
            f'<entity ID="{number}" TYPE="{kind}"><entity_mention ID="{number}-1" TYPE="NAM">'
            f"{self.charseq(extent, 'extent')}{self.charseq(head, 'head', shown)}"
            "</entity_mention></entity>"
        )
        return self

    def value(self, number, string):
        self.parts.append(
            f'<value ID="{number}" TYPE="Crime"><value_mention ID="{number}-1">'
            f"{self.charseq(string, 'extent')}</value_mention></value>"
        )
        return self

    def relation(self, kind, head, tail, extent):
        arguments = "".join(
            f'<relation_mention_argument REFID="{n}-1" ROLE="{r}"/>'
            for n, r in ((tail, "Arg-2"), (head, "Arg-1"))
        )
        self.parts.append(
            f'<relation ID="R1" TYPE="{kind}"><relation_mention ID="R1-1">'
            f"{self.charseq(extent, 'extent')}{arguments}</relation_mention></relation>"
        )
        return self

    def event(self, kind, anchor, extent, *arguments):
        name, subtype = kind.split(":")
        listed = "".join(
            f'<event_mention_argument REFID="{n}-1" ROLE="{r}"/>' for r, n in arguments
        )
        self.parts.append(
            f'<event ID="V1" TYPE="{name}" SUBTYPE="{subtype}">'
            f'<event_mention ID="V1-1">{self.charseq(extent, "extent")}'
            f"{self.charseq(anchor, 'anchor')}{listed}</event_mention></event>"
        )
        return self

    def parse(self, folder, **options):
        markup = f'<?xml version="1.0"?>\n<!DOCTYPE source_file SYSTEM "apf.v5.1.1.dtd">\n{self}'
        (folder / "D_1.sgm").write_text(self.sgm)
        (folder / "D_1.apf.xml").write_text(markup)
        return list(read([folder], language="en", **options))

    def __str__(self):
        inner = "".join(self.parts)
        return f'<source_file><document DOCID="D_1">{inner}</document></source_file>'


def test_one_document_gives_entities_relations_and_events(tmp_path):
    document = (
        Apf("A mine killed two soldiers\nnear Veldham. They mourn.")
        .entity("E1", "PER", "two soldiers", "soldiers")
        .entity("E2", "GPE", "Veldham", "Veldham")
        .relation("PHYS", "E1", "E2", "two soldiers\nnear Veldham")
        .event("Life:Die", "killed", "A mine killed", ("Victim", "E1"), ("Place", "E2"))
    )

    expected = [
        Record(
            "A mine killed two soldiers near Veldham.",
            "D_1:1",
            [
                Mention("soldiers", 18, 26, "PER"),
                Mention("Veldham", 32, 39, "GPE"),
                Mention("killed", 7, 13),
            ],
            [Relation("PHYS", 0, 1)],
            [Event("Life:Die", 2, (Argument("Victim", 0), Argument("Place", 1)))],
            "D_1",
        ),
        Record("They mourn.", "D_1:2", [], [], [], "D_1"),
    ]
    assert expected == document.parse(tmp_path)


def test_extents_instead_of_heads_keep_their_line_break_as_a_blank(tmp_path):
    document = Apf("the man from\nVeldham left").entity("E1", "PER", "the man from\nVeldham", "man")

    (record,) = document.parse(tmp_path, mention="extent")

    assert [Mention("the man from Veldham", 0, 20, "PER")] == record.mentions


def test_values_are_mentions_without_a_label_where_an_event_refers_to_them(tmp_path):
    document = (
        Apf("He was tried for fraud on Monday.")
        .value("X1", "fraud")
        .value("X2", "Monday")
        .event("Justice:Trial-Hearing", "tried", "He was tried", ("Crime", "X1"))
    )

    (record,) = document.parse(tmp_path)

    assert [Mention("tried", 7, 12), Mention("fraud", 17, 22)] == record.mentions


def test_written_entities_are_decoded_and_counted_as_written(tmp_path):
    document = (
        Apf("Hale &amp; Sons and Tan &amp; Co are firms")
        .entity("E1", "ORG", "Hale &amp; Sons", "Hale &amp; Sons")
        .entity("E2", "ORG", "Tan &amp; Co", "Tan &amp; Co")
    )

    (record,) = document.parse(tmp_path)

    assert record.text == "Hale & Sons and Tan & Co are firms"
    assert [Mention("Hale & Sons", 0, 11, "ORG"), Mention("Tan & Co", 16, 24, "ORG")] == (
        record.mentions
    )


def test_tags_end_sentences(tmp_path):
    document = Apf("<TURN>\n<SPEAKER> ANN </SPEAKER>\nyes\n</TURN>\n<TURN>no way</TURN>")

    assert [record.text for record in document.parse(tmp_path)] == ["ANN", "yes", "no way"]


def test_what_is_in_no_sentence_is_lost_one_by_one(tmp_path):
    document = (
        Apf("She left. They stayed.")
        .entity("E1", "GPE", "Varnia", "Varnia")
        .entity("E2", "PER", "She", "She")
        .entity("E3", "PER", "They", "They", shown="Thay")
        .entity("E4", "PER", "They stayed", "They")
        .relation("PER-SOC", "E2", "E4", "She")
        .event("Movement:Transport", "left", "She left", ("Artifact", "E2"), ("Agent", "E4"))
        .event("Life:Die", "mourns", "mourns", ("Victim", "E2"))
    )

    first, second, *lost = document.parse(tmp_path)

    assert [Mention("She", 0, 3, "PER"), Mention("left", 4, 8)] == first.mentions
    assert (Argument("Artifact", 0),) == first.events[0].arguments
    assert [Mention("They", 0, 4, "PER")] == second.mentions
    base = Reject("D_1", "argument_in_other_sentence", records=0, source_id="D_1")
    assert [
        base._replace(reason="mention_in_no_sentence", detail="E1-1", excerpt="Varnia", entities=1),
        base._replace(reason="mention_in_no_sentence", detail="E3-1", excerpt="Thay", entities=1),
        base._replace(detail="R1-1", excerpt="She", relations=1),
        base._replace(detail="Agent E4-1", excerpt="left", arguments=1),
        base._replace(
            reason="trigger_in_no_sentence", detail="V1-1", excerpt="mourns", events=1, arguments=1
        ),
    ] == lost


def test_broken_documents_are_rejected_with_what_can_be_counted(tmp_path):
    document = Apf("She left.").entity("E1", "PER", "She", "She")
    document.parts.append('<event ID="V2" TYPE="Life"><event_mention ID="V2-1"/></event>')

    (lost,) = document.parse(tmp_path)

    assert (
        lost.reason,
        lost.entities,
        lost.events,
        lost.source_id,
    ) == ("malformed_record", 1, 1, "D_1")
    (tmp_path / "D_1.apf.xml").write_text("<source_file>")
    assert [r.reason for r in read([tmp_path], language="en")] == ["malformed_document"]


def test_a_missing_text_an_empty_folder_and_an_unknown_option_are_errors(tmp_path):
    with pytest.raises(RawFileError, match=r"ends in \.apf\.xml"):
        list(read([tmp_path], language="en"))
    (tmp_path / "D_1.apf.xml").write_text("<source_file/>")
    with pytest.raises(RawFileError, match="cannot read"):
        list(read([tmp_path], language="en"))
    with pytest.raises(DeclarationError, match="is none of extent, head"):
        list(read([tmp_path], language="en", mention="tail"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? four.", ["One.", "Two!", "Three?", "four."]),
        ('"Go." He went. (So.) Yes', ['"Go."', "He went.", "(So.)", "Yes"]),
        ("Dr. Tan of Hale Inc. met J. Vale.", ["Dr. Tan of Hale Inc. met J. Vale."]),
        (
            "The U.S. Army left at 9 a.m. on May 1. It",
            ["The U.S. Army left at 9 a.m. on May 1.", "It"],
        ),
        ("Oh no. He paid No. 5.", ["Oh no.", "He paid No. 5."]),
        ("Wait... and see... Now 3.5 m", ["Wait... and see...", "Now 3.5 m"]),
        ("A line\nbroken\n \n\nA part", ["A line\nbroken", "A part"]),
        (" \n ", []),
    ],
)
def test_sentences_end_by_rules(text, expected):
    assert expected == [text[i:j] for i, j in sentences(text, 0, len(text), [])]


def test_an_annotation_is_never_broken():
    text = "Who? Me. You. They."

    found = [text[i:j] for i, j in sentences(text, 0, len(text), [(0, 13), (5, 8)])]

    assert found == ["Who? Me. You.", "They."]
