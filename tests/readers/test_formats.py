"""Files of annotation tools and hubs: what is read of each, and what of a broken one is told."""

import gzip
import json
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.catalog import reader_options
from pipeline.errors import PipelineError
from pipeline.exports import tokens as exported
from pipeline.records import Record, Reject, violation

LEFT = "Ada Falk left Oslo"
NAMES = [("Ada Falk", "PER"), ("Oslo", "LOC")]
PAIR = [("left", "Ada Falk", "Oslo")]
MOVE = [("Move", "left", [("Agent", "Ada Falk")])]


def lines(*rows):
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def span(start, end, **more):
    return {"start": start, "end": end, **more}


def tab(text):
    return text.replace("~", "\t").strip("\n") + "\n"


XML = (
    "<?xml version='1.0'?><collection><document><id>d</id><passage><offset>0</offset>"
    f"<text>{LEFT}</text>"
    "<annotation id='1'><infon key='type'>PER</infon><location offset='0' length='8'/>"
    "<text>Ada Falk</text></annotation>"
    "<annotation id='2'><infon key='type'>LOC</infon><location offset='14' length='4'/>"
    "<text>Oslo</text></annotation><relation id='R'><infon key='type'>left</infon>"
    "<node refid='1' role='a'/><node refid='2' role='b'/></relation>"
    "</passage></document></collection>"
)
#: Format -> ( content, options, entities, relations, events, a change, what is said of it).
FORMATS = {
    "doccano": (
        lines(
            {
                "id": 1,
                "text": LEFT,
                "Comments": [],
                "entities": [
                    {"id": 7, "label": "PER", "start_offset": 0, "end_offset": 8},
                    {"id": 8, "label": "LOC", "start_offset": 14, "end_offset": 18},
                ],
                "relations": [{"id": 1, "from_id": 7, "to_id": 8, "type": "left"}],
            }
        ),
        {},
        NAMES,
        PAIR,
        [],
        ('"to_id": 8', '"to_id": 9'),
        "there is no entity 9",
    ),
    "doccano_spans": (
        lines({"id": 1, "text": LEFT, "label": [[0, 8, "PER"], [14, 18, "LOC"]]}),
        {},
        NAMES,
        [],
        [],
        ("18", "19"),
        "14:19 of 18 characters",
    ),
    "label_studio": (
        json.dumps(
            [
                {
                    "id": 6,
                    "data": {"text": LEFT},
                    "predictions": [{"result": [{}]}],
                    "annotations": [
                        {
                            "id": 1,
                            "was_cancelled": True,
                            "result": [{"type": "labels", "value": {}}],
                        },
                        {
                            "id": 2,
                            "result": [
                                {
                                    "id": "a",
                                    "type": "labels",
                                    "value": span(0, 8, text="Ada Falk", labels=["PER"]),
                                },
                                {
                                    "id": "b",
                                    "type": "labels",
                                    "value": span(14, 18, text="Oslo", labels=["LOC"]),
                                },
                                {
                                    "type": "relation",
                                    "from_id": "b",
                                    "to_id": "a",
                                    "direction": "left",
                                    "labels": ["left"],
                                },
                            ],
                        },
                    ],
                }
            ]
        ),
        {},
        NAMES,
        PAIR,
        [],
        ('"text": "Oslo"', '"text": "Bonn"'),
        "offset_mismatch",
    ),
    "label_studio_min": (
        json.dumps(
            [
                {
                    "id": 6,
                    "text": LEFT,
                    "annotator": 1,
                    "label": [
                        span(0, 8, text="Ada Falk", labels=["PER"]),
                        span(14, 18, text="Oslo", labels=["LOC"]),
                    ],
                }
            ]
        ),
        {},
        NAMES,
        [],
        [],
        ('["LOC"]', "[3]"),
        "no label: 3",
    ),
    "prodigy": (
        lines(
            {
                "text": LEFT,
                "answer": "accept",
                "tokens": [],
                "spans": [span(0, 8, label="PER"), span(14, 18, label="LOC")],
                "relations": [
                    {
                        "head": 1,
                        "child": 3,
                        "label": "left",
                        "head_span": span(0, 8, label="PER"),
                        "child_span": span(14, 18, label="LOC"),
                    }
                ],
            }
        ),
        {},
        NAMES,
        PAIR,
        [],
        ("accept", "ignore"),
        "answer is 'ignore'",
    ),
    "argilla": (
        lines(
            {
                "text": LEFT,
                "prediction": [["ORG", 0, 3, 0.9]],
                "status": "Validated",
                "annotation": [["PER", 0, 8], ["LOC", 14, 18]],
            }
        ),
        {},
        NAMES,
        [],
        [],
        ("Validated", "Discarded"),
        "status is 'Discarded'",
    ),
    "argilla_responses": (
        lines(
            {
                "id": "1",
                "status": "completed",
                "fields": {"text": LEFT, "note": "old"},
                "suggestions": {"names": {"value": [span(0, 3, label="ORG")], "agent": "m"}},
                "responses": {
                    "tone": [{"value": "calm", "user_id": "u1"}],
                    "names": [
                        {
                            "value": [span(0, 8, label="PER"), span(14, 18, label="LOC")],
                            "user_id": "u1",
                        },
                        {"value": [], "user_id": "u2"},
                    ],
                },
            }
        ),
        {},
        NAMES,
        [],
        [],
        ('"label": "PER"', '"kind": "PER"'),
        "no label: None",
    ),
    "argilla_responses flat": (
        lines(
            {
                "id": "1",
                "status": "completed",
                "text": LEFT,
                "names.responses": [
                    [span(0, 8, label="PER"), span(14, 18, label="LOC")],
                    [span(0, 3, label="ORG")],
                ],
                "names.responses.users": ["u1", "u2"],
                "names.responses.status": ["submitted", "draft"],
            }
        ),
        {},
        NAMES,
        [],
        [],
        ("submitted", "discarded"),
        "the answer of u1 is discarded",
    ),
    "json_rows with a mention a row": (
        tab("id~text~from~to~kind\n") + tab(f"1~{LEFT}~0~8~PER\n") + tab("1~~14~18~LOC"),
        {
            "separator": "\t",
            "source_id": "id",
            "entities": {"start": "from", "end": "to", "label": "kind"},
        },
        NAMES[:1],
        [],
        [],
        ("\t8\t", "\teight\t"),
        "no whole number: 'eight'",
    ),
    "json_rows with marks": (
        lines({"text": "<e1>Oslo</e1> ? <e2> Ada Falk </e2> left", "kind": "left(e2,e1)"}),
        {
            "marks": ["<e1>", "</e1>", "<e2>", "</e2>"],
            "relations": {
                "label": "kind",
                "head": {"at": "marks.0", "start": 0, "end": 1},
                "tail": {"at": "marks.1", "start": 0, "end": 1},
            },
        },
        [],
        PAIR,
        [],
        ("</e1>", ""),
        "the marks are <e1> <e2> </e2>, not <e1> </e1> <e2> </e2>",
    ),
    "json_rows with places from 1": (
        lines(
            {
                "text": LEFT,
                "entities": [span(0, 8, label="PER"), span(14, 18, label="LOC")],
                "relations": [{"from": 1, "to": 2, "kind": "left"}],
            }
        ),
        {
            "first_ref": 1,
            "entities": {"at": "entities", "start": "start", "end": "end", "label": "label"},
            "relations": {
                "at": "relations",
                "label": "kind",
                "head": {"ref": "from"},
                "tail": {"ref": "to"},
            },
        },
        NAMES,
        PAIR,
        [],
        ('"from": 1', '"from": 0'),
        "there is no entity 0",
    ),
    "spacy_pairs": (
        lines(
            [LEFT, {"entities": [[0, 8, "PER"], [14, 18, "LOC"]]}], ["Nothing", {"entities": []}]
        ),
        {},
        NAMES,
        [],
        [],
        ('"entities"', '"ents"'),
        "no list of entities",
    ),
    "ner_annotator": (
        json.dumps(
            {
                "classes": ["PER", "LOC"],
                "annotations": [[LEFT, {"entities": [[0, 8, "PER"], [14, 18, "LOC"]]}], None],
            }
        ),
        {},
        NAMES,
        [],
        [],
        ('"annotations"', '"data"'),
        "the rows do not stand at 'annotations'",
    ),
    "pubannotation": (
        json.dumps(
            {
                "text": LEFT,
                "sourceid": "90",
                "denotations": [
                    {"id": "T1", "span": {"begin": 0, "end": 8}, "obj": "PER"},
                    {"id": "T2", "span": {"begin": 14, "end": 18}, "obj": "LOC"},
                ],
                "relations": [{"id": "R1", "pred": "left", "subj": "T1", "obj": "T2"}],
            },
            indent=1,
        ),
        {},
        NAMES,
        PAIR,
        [],
        ('"subj": "T1"', '"subj": "T3"'),
        "there is no entity 'T3'",
    ),
    "instruct_uie": (
        json.dumps(
            [
                {
                    "sentence": LEFT,
                    "entities": [
                        {"name": "Ada Falk", "type": "PER", "pos": [0, 8]},
                        {"name": "Oslo", "type": "LOC", "pos": [14, 18]},
                    ],
                    "relations": [
                        {
                            "type": "left",
                            "head": {"name": "Ada Falk", "type": "PER", "pos": [0, 8]},
                            "tail": {"name": "Oslo", "type": "LOC", "pos": [14, 18]},
                        }
                    ],
                }
            ]
        ),
        {},
        NAMES,
        PAIR,
        [],
        ("[14, 18]", "[14]"),
        "no part 1 in a list of 1",
    ),
    "tacred": (
        lines(
            {
                "token": ["Ada", "Falk", "left", "-LRB-", "Oslo"],
                "relation": "left",
                "docid": "d",
                "subj_start": 0,
                "subj_end": 1,
                "obj_start": 4,
                "obj_end": 4,
                "subj_type": "PER",
                "obj_type": "LOC",
            }
        ),
        {},
        NAMES,
        PAIR,
        [],
        ('"obj_end": 4', '"obj_end": 5'),
        "4:6 of 5 tokens",
    ),
    "opennre": (
        lines(
            {
                "text": LEFT,
                "relation": "left",
                "h": {"name": "Ada Falk", "id": "Q1", "pos": [0, 8]},
                "t": {"name": "Oslo", "id": "Q2", "pos": [14, 18]},
            }
        ),
        {},
        [],
        PAIR,
        [],
        ('"relation"', '"label"'),
        "no field 'relation'; there are 'text', 'label'",
    ),
    "opennre_tokens": (
        lines(
            {
                "token": LEFT.split(),
                "relation": "left",
                "h": {"name": "ada falk", "pos": [0, 2]},
                "t": {"name": "oslo", "pos": [3, 4]},
            }
        ),
        {},
        [],
        PAIR,
        [],
        ("[3, 4]", "[4, 5]"),
        "4:5 of 4 tokens",
    ),
    "maven": (
        lines(
            {
                "id": "d",
                "title": "t",
                "content": [
                    {"sentence": "It rained .", "tokens": ["It", "rained", "."]},
                    {"sentence": LEFT, "tokens": LEFT.split()},
                ],
                "events": [
                    {
                        "id": "e",
                        "type": "Move",
                        "mention": [
                            {"id": "m", "trigger_word": "left", "sent_id": 1, "offset": [2, 3]}
                        ],
                    }
                ],
            }
        ),
        {},
        [],
        [],
        [("Move", "left", [])],
        ("[2, 3]", "[4, 5]"),
        "4:5 of 4 tokens",
    ),
    "oneie": (
        lines(
            {
                "doc_id": "d",
                "sent_id": "d-1",
                "tokens": LEFT.split(),
                "entity_mentions": [
                    {"id": "E1", "entity_type": "PER", "text": "Ada Falk", **span(0, 2)},
                    {"id": "E2", "entity_type": "LOC", "text": "Oslo", **span(3, 4)},
                ],
                "relation_mentions": [
                    {
                        "relation_type": "left",
                        "arguments": [
                            {"entity_id": "E1", "role": "Arg-1"},
                            {"entity_id": "E2", "role": "Arg-2"},
                        ],
                    }
                ],
                "event_mentions": [
                    {
                        "event_type": "Move",
                        "trigger": {"text": "left", **span(2, 3)},
                        "arguments": [{"entity_id": "E1", "role": "Agent"}],
                    }
                ],
            }
        ),
        {},
        NAMES,
        PAIR,
        MOVE,
        ('"entity_id": "E1", "role": "Agent"', '"role": "Agent"'),
        "no id of an entity",
    ),
    "spert": (
        json.dumps(
            [
                {
                    "tokens": LEFT.split(),
                    "orig_id": "x",
                    "entities": [{"type": "PER", **span(0, 2)}, {"type": "LOC", **span(3, 4)}],
                    "relations": [{"type": "left", "head": 0, "tail": 1}],
                }
            ]
        ),
        {},
        NAMES,
        PAIR,
        [],
        ('"tail": 1', '"tail": 2'),
        "there is no entity 2",
    ),
    "gliner": (
        json.dumps(
            [
                {
                    "tokenized_text": LEFT.split(),
                    "ner": [[0, 1, "PER"], [3, 3, "LOC"]],
                    "ner_negatives": ["ORG"],
                    "relations": [[0, 1, "left"]],
                }
            ]
        ),
        {},
        NAMES,
        PAIR,
        [],
        ("[3, 3", "[3, 4"),
        "3:5 of 4 tokens",
    ),
    "mrc": (
        json.dumps(
            [
                {
                    "context": LEFT,
                    "query": "who",
                    "entity_label": "PER",
                    "impossible": False,
                    "start_position": [0],
                    "end_position": [1],
                    "qas_id": "0.1",
                }
            ]
        ),
        {},
        NAMES[:1],
        [],
        [],
        ("[0]", "[0, 2]"),
        "2 start_position, 1 end_position",
    ),
    "bigbio": (
        lines(
            {
                "id": "1",
                "document_id": "d",
                "passages": [{"id": "p", "type": "t", "text": [LEFT], "offsets": [[0, 18]]}],
                "entities": [
                    {"id": "2", "type": "PER", "text": ["Ada Falk"], "offsets": [[0, 8]]},
                    {"id": "3", "type": "LOC", "text": ["Oslo"], "offsets": [[14, 18]]},
                ],
                "relations": [{"id": "4", "type": "left", "arg1_id": "2", "arg2_id": "3"}],
                "events": [
                    {
                        "id": "5",
                        "type": "Move",
                        "trigger": {"text": ["left"], "offsets": [[9, 13]]},
                        "arguments": [{"role": "Agent", "ref_id": "2"}],
                    }
                ],
            }
        ),
        {},
        NAMES,
        PAIR,
        MOVE,
        ("[[14, 18]]", "[[14, 20]]"),
        "14:20 of 18 characters",
    ),
    "bioc": (
        XML,
        {},
        NAMES,
        PAIR,
        [],
        ("offset='14'", "offset='13'"),
        "'Oslo' does not stand at 13",
    ),
    "bioc in JSON": (
        json.dumps(
            {
                "documents": [
                    {
                        "id": "d",
                        "passages": [
                            {
                                "offset": 0,
                                "text": LEFT,
                                "annotations": [
                                    {
                                        "id": "1",
                                        "infons": {"type": "PER"},
                                        "text": "Ada Falk",
                                        "locations": [{"offset": 0, "length": 8}],
                                    },
                                    {
                                        "id": "2",
                                        "infons": {"type": "LOC"},
                                        "text": "Oslo",
                                        "locations": [{"offset": 14, "length": 4}],
                                    },
                                ],
                            }
                        ],
                        "relations": [
                            {
                                "id": "R",
                                "infons": {"type": "left"},
                                "nodes": [{"refid": "1", "role": ""}, {"refid": "2", "role": ""}],
                            }
                        ],
                    }
                ]
            }
        ),
        {},
        NAMES,
        PAIR,
        [],
        ('"refid": "2"', '"refid": "5"'),
        "there is no entity '5'",
    ),
    "pubtator": (
        tab(
            f"1|t|{LEFT}\n1~0~8~Ada Falk~PER~C1\n1~14~18~Oslo~LOC~C2\n1~14~18~Oslo~LOC~C2\n"
            "1~left~C1~C2~Novel"
        ),
        {"relations": True},
        NAMES,
        PAIR,
        [],
        ("left\tC1\tC2", "left\tC1\tC3"),
        "unknown_concept",
    ),
    "conllu": (
        tab(
            "# newdoc id = d\n# text = x\n1-2~AdaFalk~_~_~_~_~_~_~_~_\n"
            "1~Ada~_~_~_~_~_~_~_~name=B-PER|SpaceAfter=No\n2~Falk~_~_~_~_~_~_~_~name=I-PER\n"
            "3~left~_~_~_~_~_~_~_~SpaceAfter=No\n3.1~x~_~_~_~_~_~_~_~_\n"
            "4~Oslo~_~_~_~_~_~_~_~name=B-LOC"
        ),
        {},
        NAMES,
        [],
        [],
        ("name=B-LOC", "name=LOC"),
        "'LOC' is no tag of IOB2",
    ),
    "conllu plus": (
        tab("# global.columns = ID FORM NE\n1~Ada~B-PER\n2~Falk~I-PER\n3~left~O\n4~Oslo~B-LOC"),
        {"tag_column": 2},
        NAMES,
        [],
        [],
        ("B-LOC", "LOC"),
        "'LOC' is no tag of IOB2",
    ),
    "webanno_tsv": (
        tab(
            "#FORMAT=WebAnno TSV 3.3\n#T_SP=c.Name|value\n#T_RL=c.Pair|label|BT_c.Name\n\n\n"
            f"#Text={LEFT}\n1-1~0-3~Ada~PER[1]~_~_~\n1-2~4-8~Falk~PER[1]~_~_~\n"
            "1-3~9-13~left~_~_~_~\n1-4~14-18~Oslo~LOC~left~1-1[1_0]~"
        ),
        {},
        NAMES,
        PAIR,
        [],
        ("~LOC~".replace("~", "\t"), "\t*\t"),
        "a span without a value",
    ),
    "cas_json": (
        json.dumps(
            {
                "%TYPES": {},
                "%VIEWS": {},
                "%FEATURE_STRUCTURES": [
                    {"%ID": 1, "%TYPE": "uima.cas.Sofa", "sofaString": LEFT},
                    {"%ID": 2, "%TYPE": "x.NamedEntity", "begin": 0, "end": 8, "value": "PER"},
                    {"%ID": 3, "%TYPE": "x.NamedEntity", "begin": 14, "end": 18, "value": "LOC"},
                    {"%ID": 4, "%TYPE": "x.Pair", "label": "left", "@Governor": 2, "@Dependent": 3},
                ],
            }
        ),
        {"relation_type": "Pair"},
        NAMES,
        PAIR,
        [],
        ('"value": "LOC"', '"value": null'),
        "no label",
    ),
    "span_lines": (
        f"{LEFT}|||PER|0|8|||LOC|14|18\n",
        {},
        NAMES,
        [],
        [],
        ("14|18", "14"),
        "neither a string nor a place",
    ),
    "event_links": (
        lines(
            {
                "doc_key": "d",
                "sentences": [LEFT.split()],
                "evt_triggers": [[2, 3, "Move"]],
                "gold_evt_links": [[[2, 3], [0, 2], "Agent"]],
            }
        ),
        {"inclusive_end": False},
        [],
        [],
        MOVE,
        ("[[2, 3], [0", "[[1, 3], [0"),
        "no trigger is",
    ),
}


def read(tmp_path, case, content, options):
    file = tmp_path / "raw.txt"
    file.write_text(content, encoding="utf-8")
    return list(reader_options.read(case.split()[0], [file], language="en", **options))


def says(tmp_path, case, content, options):
    """What is said of a broken file: of its rows, or of the whole of it."""
    try:
        found = read(tmp_path, case, content, options)
    except PipelineError as problem:
        return str(problem)
    return str([violation(i) if isinstance(i, Record) else (i.reason, i.detail) for i in found])


def annotations(record):
    names = [m.text for m in record.mentions]
    return (
        [(m.text, m.label) for m in record.mentions if m.label],
        [(r.label, names[r.head], names[r.tail]) for r in record.relations],
        [
            (e.label, names[e.trigger], [(a.role, names[a.mention]) for a in e.arguments])
            for e in record.events
        ],
    )


@pytest.mark.parametrize("case", FORMATS)
def test_what_stands_in_the_file_is_read(case, tmp_path):
    content, options, *expected, _, _ = FORMATS[case]

    found = read(tmp_path, case, content, options)

    record = next(item for item in found if isinstance(item, Record) and item.mentions)
    assert violation(record) is None
    assert annotations(record) == tuple(expected)


@pytest.mark.parametrize("case", FORMATS)
def test_a_broken_file_is_told_in_words(case, tmp_path):
    content, options, *_, change, words = FORMATS[case]
    broken = content.replace(*change)
    assert broken != content

    told = says(tmp_path, case, broken, options)

    assert words in told
    assert "Error" not in told


@pytest.mark.parametrize("name", ["bioc", "ace_apf"])
def test_a_bomb_of_entities_is_no_document(name, tmp_path):
    bomb = '<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><collection>&b;</collection>'
    (tmp_path / "x.apf.xml").write_text(bomb)
    (tmp_path / "x.sgm").write_text("")

    try:
        (found,) = reader_options.read(name, [tmp_path / "x.apf.xml"], language="en")
    except PipelineError as problem:
        found = problem
    assert "EntitiesForbidden" in str(found)


def test_parallel_files_of_texts_and_tags(tmp_path):
    texts, tags = tmp_path / "seq.in", tmp_path / "seq.out"
    texts.write_text(f"{LEFT}\nNo one came\n")
    tags.write_text("B-PER I-PER O B-LOC\nO O\n")

    record, short = reader_options.read("tag_files", [texts, tags], language="en")

    assert annotations(record)[0] == NAMES
    assert (short.reason, short.detail) == ("length_mismatch", "3 tokens, 2 tags")
    tags.write_text("B-PER I-PER O B-LOC\n")
    with pytest.raises(PipelineError, match="has fewer lines"):
        list(reader_options.read("tag_files", [texts, tags], language="en"))


FEATURES = {
    "tokens": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"},
    "ner_tags": {"feature": {"names": ["O", "B-PER", "I-PER", "B-LOC"], "_type": "ClassLabel"},
                 "_type": "Sequence"},
}  # fmt: skip


@pytest.mark.parametrize("kind", ["parquet", "arrow file", "arrow stream"])
def test_tables_have_the_names_of_classes(kind, tmp_path):
    metadata = {"huggingface": json.dumps({"info": {"features": FEATURES}})}
    rows = [{"tokens": LEFT.split(), "ner_tags": [1, 2, 0, 3]}, {"tokens": ["a"], "ner_tags": [7]}]
    table = pa.Table.from_pylist(rows).replace_schema_metadata(metadata)
    file = tmp_path / "data"
    if kind == "parquet":
        pq.write_table(table, file)
    else:
        new = pa.ipc.new_file if kind == "arrow file" else pa.ipc.new_stream
        with new(file, table.schema) as writer:
            writer.write_table(table)

    record, odd = reader_options.read("tagged_json", [file], language="en")

    assert annotations(record)[0] == NAMES
    assert odd.reason == "malformed_record"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(PipelineError, match="not a whole table"):
        list(reader_options.read("tagged_json", [file], language="en"))


@pytest.mark.parametrize("kind", ["gzip", "zip"])
def test_packed_files_are_unpacked(kind, tmp_path):
    rows = FORMATS["doccano_spans"][0]
    file = tmp_path / "packed"
    if kind == "gzip":
        file.write_bytes(gzip.compress(rows.encode()))
    else:
        with zipfile.ZipFile(file, "w") as packed:
            packed.writestr("b.jsonl", rows)
            packed.writestr("a.jsonl", rows)

    found = list(reader_options.read("doccano_spans", [file], language="en"))

    names = {"gzip": ["packed:1"], "zip": ["a.jsonl:1", "b.jsonl:1"]}[kind]
    assert [record.origin for record in found] == names
    assert all(annotations(record)[0] == NAMES for record in found)
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(PipelineError, match="cannot unpack it"):
        list(reader_options.read("doccano_spans", [file], language="en"))


def test_other_containers_are_named(tmp_path):
    file = tmp_path / "table.xlsx"
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("[Content_Types].xml", "<x/>")

    with pytest.raises(PipelineError, match="this is a file of an office program"):
        list(reader_options.read("doccano", [file], language="en"))


def test_offsets_of_utf_16_are_read_where_they_alone_fit(tmp_path):
    text = "\U0001f389 Ada Falk left Oslo"
    rows = lines(
        {"text": text, "label": [[3, 11, "PER"], [17, 21, "LOC"]]},
        {"text": text, "label": [[2, 10, "PER"], [16, 20, "LOC"]]},
    )

    one, other = read(tmp_path, "doccano_spans", rows, {})

    assert annotations(one)[0] == annotations(other)[0] == NAMES


def test_offsets_stay_where_they_fit_and_are_counted_where_not(tmp_path):
    rows = lines({
        "sentText": LEFT,
        "entityMentions": [{"start": 14, "text": "Oslo", "label": "LOC"},
                           {"start": 1, "text": "Ada Falk", "label": "PER"}],
        "relationMentions": [],
    })  # fmt: skip
    options = {"entities": {"start": "start"}}

    dropped, record = read(tmp_path, "cotype_json", rows, options)

    assert (dropped.reason, dropped.records) == ("offsets_dropped", 0)
    assert [(m.text, m.start) for m in record.mentions] == [("Oslo", 14), ("Ada Falk", None)]


def test_our_own_exports_come_back(tmp_path):
    mentions = [
        {
            "text": text,
            "start": LEFT.index(text),
            "end": LEFT.index(text) + len(text),
            "label": label,
        }
        for text, label in NAMES
    ]
    relations = [{"label": "left", "head": 0, "tail": 1}]
    record = {"id": "x/train/0", "text": LEFT, "mentions": mentions, "relations": relations}
    asked = {"NER": ["PER", "LOC", "ORG"], "RE": ["left"]}

    for name, row in (
        ("spert", exported.spert(record)[0][0]),
        ("gliner", exported.gliner_row(record, asked)),
    ):
        (found,) = read(tmp_path, name, json.dumps([row]), {})
        assert annotations(found) == (NAMES, PAIR, [])


def test_an_empty_text_in_a_table_is_that_of_the_row_above_in_its_document(tmp_path):
    content, options, *_ = FORMATS["json_rows with a mention a row"]

    rows = content + tab("1~~~~") + tab("2~~0~3~PER") + tab("3~x")
    first, second, third, fourth, fifth = read(tmp_path, "json_rows", rows, options)

    assert [r.text for r in (first, second, third)] == [LEFT] * 3
    assert [m.text for m in second.mentions] == ["Oslo"]
    assert third.mentions == []
    assert fourth.detail == "the text is no string: None"
    assert fifth.detail == "2 cells in a table of 5 columns"


def test_columns_of_one_name_are_refused(tmp_path):
    with pytest.raises(PipelineError, match="two columns are called 'text'"):
        read(tmp_path, "json_rows", tab("text~text") + tab("a~b"), {"separator": "\t", "tags": "x"})


def test_records_of_argilla_by_columns_and_by_ids(tmp_path):
    record = json.loads(FORMATS["argilla_responses"][0])
    record["responses"]["others"] = [{"value": [], "user_id": "u1"}]
    (told,) = read(tmp_path, "argilla_responses", json.dumps(record), {})
    assert told.detail.startswith("questions 'names' and 'others' may be about spans")
    for whole in ({k: [v, v] for k, v in record.items()}, {"a": record, "b": record}):
        found = read(tmp_path, "argilla_responses", json.dumps(whole), {"question": "names"})

        origins = ["raw.txt:1#1", "raw.txt:1#2"]
        assert [r.origin for r in found if isinstance(r, Reject)] == origins
        assert [r.origin for r in found if isinstance(r, Record)] == origins


def test_lines_of_brat_and_columns_of_tables_that_are_not_read_are_named(tmp_path):
    (tmp_path / "a.txt").write_text(LEFT)
    (tmp_path / "a.ann").write_text("T1\tPER 0 8\tAda Falk\nA1\tTitle T1\n#1\tNote T1\twho?\n")
    table = tmp_path / "t.csv"
    table.write_text("text,head,tail,relation,score\nAda left,Ada,left,x,0.5\n")

    brat = reader_options.unread("brat", [tmp_path / "a.txt"], language="en")
    columns = reader_options.unread("pair_table", [table], language="en", separator=",")

    assert brat == {"attributes": 1, "notes": 1}
    assert columns == {"score": 1}


def test_a_header_with_comments_and_a_column_of_more(tmp_path):
    rows = tab("TOKEN~NE-COARSE-LIT~MISC\n# document_id = d\nAda~B-PER~_\nFalk~I-PER~NoSpaceAfter")
    options = {"header": True, "comment": "# ", "tag_column": 1}

    (record,) = read(tmp_path, "columns", rows, options)

    assert annotations(record)[0] == NAMES[:1]


def test_a_file_of_spacy_needs_spacy(tmp_path):
    file = tmp_path / "x.spacy"
    file.write_bytes(b"x\x9c")

    with pytest.raises(PipelineError, match=r"spaCy is not installed|no file of spaCy"):
        list(reader_options.read("spacy_docbin", [file], language="en"))


@pytest.mark.parametrize(
    "odd",
    [
        {"names.responses.users": ["u1"] * 9},
        {"names.responses.users": 5},
        {"fields": "a"},
        {"responses": [1]},
        {"names.responses": "a"},
    ],
    ids=str,
)
def test_a_broken_record_of_argilla_stops_neither_reading_nor_counting(odd, tmp_path):
    record = json.loads(FORMATS["argilla_responses flat"][0].splitlines()[0])
    file = tmp_path / "raw.txt"
    file.write_text("\n".join(map(json.dumps, ({**record, **odd}, {**record, "odd": 1}))))

    *_, last = reader_options.read("argilla_responses", [file], language="en")

    assert last.mentions
    assert reader_options.unread("argilla_responses", [file], language="en")["odd"] == 1


@pytest.mark.parametrize(
    ("case", "options", "expected"),
    [
        ("doccano", {}, {"Comments": 1, "entities.score": 1, "relations.id": 1}),
        ("spert", {}, {}),
        ("label_studio", {}, {"predictions": 1, "annotations that are not gold": 1}),
        ("argilla", {}, {"prediction": 1}),
        ("argilla_responses", {}, {"suggestions": 1, "fields.note": 1, "responses.tone": 1}),
        ("pubtator", {"relations": False}, {"rows of relations": 1}),
        ("mrc", {}, {"query": 1, "impossible": 1, "qas_id": 1}),
        ("maven", {}, {"title": 1, "content.sentence": 2, "events.id": 1, "events.mention.id": 1,
                       "events.mention.trigger_word": 1}),
    ],
)  # fmt: skip
def test_fields_that_are_not_read_are_named(case, options, expected, tmp_path):
    content = FORMATS[case][0].replace('"Comments": []', '"Comments": ["odd"]')
    content = content.replace(
        '"label": "LOC", "start_offset"', '"score": 1, "label": "LOC", "start_offset"'
    )
    file = tmp_path / "raw.txt"
    file.write_text(content)

    assert reader_options.unread(case, [file], language="en", **options) == expected
