"""Files as people bring them, given to `iepile new`: read right, or refused in words."""

import gzip
import json
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.adding import drafting
from pipeline.errors import RawFileError


def drafted(tmp_path, content, name="train.txt", given=None, **more):
    """The draft of one file, which may be bytes, text, or rows of JSON."""
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content, encoding="utf-8", newline="")
    else:
        lines = [json.dumps(row, ensure_ascii=False) for row in content]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return drafting.draft("foo", None, given or {}, {"train": [path]}, more.get("language"))


def read(draft):
    """(text, [(mention, label), ...]) of all records in the first rows."""
    records = draft.choice.best.records
    return [(r.text, [(m.text, m.label) for m in r.mentions]) for r in records]


def labels(draft, kind="entity"):
    return dict(draft.survey.labels[kind])


def relations(draft):
    return [
        (r.label, record.mentions[r.head].text, record.mentions[r.tail].text)
        for record in draft.choice.best.records
        for r in record.relations
    ]


def refused(tmp_path, content, name="train.txt", given=None):
    with pytest.raises(RawFileError) as told:
        drafted(tmp_path, content, name, given)
    words = f"{told.value.what} {told.value.todo}"
    assert "Error" not in words
    assert "unhashable" not in words
    return words


DOCCANO = [
    {
        "id": 1,
        "text": "Order 77 went to Brell Ltd on 2 May.",
        "entities": [
            {"id": 5, "label": "Order", "start_offset": 6, "end_offset": 8},
            {"id": 6, "label": "Buyer", "start_offset": 17, "end_offset": 26},
            {"id": 7, "label": "Day", "start_offset": 30, "end_offset": 35},
        ],
        "relations": [
            {"id": 1, "from_id": 5, "to_id": 6, "type": "sent to"},
            {"id": 2, "from_id": 5, "to_id": 7, "type": "sent on"},
        ],
        "Comments": ["look again"],
    },
    {"id": 2, "text": "Nothing went out.", "entities": [], "relations": [], "Comments": []},
]


def test_doccano_with_relations(tmp_path):
    draft = drafted(tmp_path, DOCCANO, "train.jsonl")

    assert read(draft)[0][1] == [("77", "Order"), ("Brell Ltd", "Buyer"), ("2 May", "Day")]
    assert relations(draft) == [("sent to", "77", "Brell Ltd"), ("sent on", "77", "2 May")]
    assert draft.dataset.splits["train"].counts == {"records": 2, "entities": 3, "relations": 2}
    assert draft.unread["Comments"] == 1
    assert draft.dataset.tasks == ["NER", "RE"]


def span(start, end, text, *names):
    return {"start": start, "end": end, "text": text, "labels": [*names]}


def test_label_studio(tmp_path):
    result = [
        {"value": span(7, 16, "Brell Ltd", "PARTY"), "id": "a", "type": "labels"},
        {"value": span(0, 6, "LENDER", "ROLE"), "id": "b", "type": "labels"},
        {"from_id": "a", "to_id": "b", "type": "relation", "direction": "right", "labels": ["is"]},
    ]
    row = {
        "id": 6,
        "annotations": [{"id": 3, "completed_by": 1, "result": result, "was_cancelled": False}],
        "data": {"text": "LENDER Brell Ltd will pay."},
    }

    draft = drafted(tmp_path, json.dumps([row]), "train.json")

    assert read(draft) == [
        ("LENDER Brell Ltd will pay.", [("Brell Ltd", "PARTY"), ("LENDER", "ROLE")])
    ]
    assert relations(draft) == [("is", "Brell Ltd", "LENDER")]


def test_label_studio_min_with_two_labels_of_one_span(tmp_path):
    rows = [
        {
            "id": 1,
            "text": "Brell Ltd met Ida Moor.",
            "label": [
                span(0, 9, "Brell Ltd", "Name", "Seller"),
                span(14, 22, "Ida Moor", "Person"),
            ],
            "annotator": 1,
        },
        {"id": 2, "text": "Bo met Cy.", "label": [span(0, 2, "Bo", "Person")], "annotator": 1},
    ]

    draft = drafted(tmp_path, json.dumps(rows), "train.json")

    assert labels(draft) == {"Name": 1, "Seller": 1, "Person": 2}
    assert "annotator" not in draft.unread  # It says whose row it is.


def test_prodigy_rows_that_were_not_accepted(tmp_path):
    rows = [
        {
            "text": "Ida Moor lives in Rye.",
            "spans": [
                {"start": 0, "end": 8, "token_start": 0, "token_end": 1, "label": "PERSON"},
                {"start": 18, "end": 21, "token_start": 4, "token_end": 4, "label": "GPE"},
            ],
            "answer": answer,
        }
        for answer in ("accept", "reject", "ignore", "accept")
    ]

    draft = drafted(tmp_path, rows, "train.jsonl")

    assert draft.survey.counts["train"] == {"records": 2, "entities": 4}
    assert sorted(r.detail for r in draft.survey.rejects["train"]) == [
        "answer is 'ignore'",
        "answer is 'reject'",
    ]


BARE = "Levels\tO\nof\tO\nMYB\tB\nbeta\tI\nfell\tO\n\nNo\tO\nhit\tO\n\nThe\tO\nGAL4\tB\nsite\tO\n\n"


def test_bare_tags_ask_for_the_label(tmp_path):
    words = refused(tmp_path, BARE, "train.tsv")
    assert "--option only_label=" in words

    draft = drafted(tmp_path, BARE, "train.tsv", {"only_label": "gene"})

    assert [mentions for _, mentions in read(draft)] == [
        [("MYB beta", "gene")],
        [],
        [("GAL4", "gene")],
    ]


def tagged(*tags):
    words = ["Ida", "Moor", "left", "New", "Rye", "."]
    return "".join(f"{w}\t{t}\n" for w, t in zip(words, tags, strict=True)) + "\nNo\tO\n\n" * 0


@pytest.mark.parametrize(
    "tags",
    [
        ("PER-B", "PER-I", "O", "LOC-B", "LOC-I", "O"),
        ("b-PER", "i-PER", "o", "b-LOC", "i-LOC", "o"),
        ("B-PER", "I-PER", "0", "B-LOC", "I-LOC", "0"),
        ("B_PER", "I_PER", "O", "B_LOC", "I_LOC", "O"),
        ("B-PER", "E-PER", "O", "B-LOC", "E-LOC", "O"),
        ("I-PER", "I-PER", "O", "I-LOC", "I-LOC", "O"),
    ],
)
def test_tags_in_other_spellings(tmp_path, tags):
    sentence = tagged(*tags) + "\n"

    draft = drafted(tmp_path, sentence * 3, "train.tsv")

    assert (
        read(draft) == [("Ida Moor left New Rye .", [("Ida Moor", "PER"), ("New Rye", "LOC")])] * 3
    )


def test_tags_that_are_numbers_without_names(tmp_path):
    rows = [{"tokens": ["MYB", "beta", "fell"], "ner_tags": [1, 2, 0]}] * 3

    assert "--option 'tag_names=" in refused(tmp_path, rows, "train.jsonl")


def test_numbers_of_a_hub_file_have_names_in_its_schema(tmp_path):
    feature = {"feature": {"names": ["O", "B-PER", "I-PER"], "_type": "ClassLabel"}}
    features = {"ner_tags": {**feature, "_type": "List"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table({"tokens": [["Ida", "Moor", "ran"]] * 3, "ner_tags": [[1, 2, 0]] * 3})
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "train.parquet")

    draft = drafting.draft("foo", None, {}, {"train": [tmp_path / "train.parquet"]}, None)

    assert read(draft) == [("Ida Moor ran", [("Ida Moor", "PER")])] * 3


def test_packed_files(tmp_path):
    rows = json.dumps({"tokens": ["Ida", "ran"], "ner_tags": ["B-PER", "O"]}) + "\n"
    (tmp_path / "train.jsonl.gz").write_bytes(gzip.compress(rows.encode() * 3))
    with zipfile.ZipFile(tmp_path / "train.zip", "w") as packed:
        packed.writestr("train.jsonl", rows * 3)

    for name in ("train.jsonl.gz", "train.zip"):
        draft = drafting.draft("foo", None, {}, {"train": [tmp_path / name]}, None)
        assert read(draft) == [("Ida ran", [("Ida", "PER")])] * 3


CONLLU = """# sent_id = 1
# text = Don't leave New Rye.
1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_
1\tDo\tdo\tAUX\t_\t_\t3\taux\t_\tO
2\tn't\tnot\tPART\t_\t_\t3\tadvmod\t_\tO
3\tleave\tleave\tVERB\t_\t_\t0\troot\t_\tO
4\tNew\tNew\tPROPN\t_\t_\t5\tcompound\t_\tB-LOC
5\tRye\tRye\tPROPN\t_\t_\t3\tobj\t_\tI-LOC
5.1\t[is]\tbe\tAUX\t_\t_\t_\t_\t_\t_
6\t.\t.\tPUNCT\t_\t_\t3\tpunct\t_\tO

"""


def test_conllu_with_ranges_and_empty_nodes(tmp_path):
    draft = drafted(tmp_path, CONLLU, "train.conllu")

    assert [mentions for _, mentions in read(draft)] == [[("New Rye", "LOC")]]
    assert read(draft)[0][0] in ("Do n't leave New Rye .", "Don't leave New Rye.")


PUBTATOR = """77|t|Gamma mutation and chorea.
77|a|The c.44del variant of QRS1 was seen with chorea. Ferrazine helped.
77\t19\t25\tchorea\tDisease\tD1
77\t31\t38\tc.44del\tVariant\tV1
77\t69\t75\tchorea\tDisease\tD1
77\t77\t86\tFerrazine\tChemical\tD3
77\tCauses\tV1\tD1\tNovel
77\tTreats\tD3\tD1\tNo

"""


def test_relations_of_pubtator_are_read_or_told(tmp_path):
    draft = drafted(tmp_path, PUBTATOR)

    assert draft.survey.labels["entity"].total() == 4
    told = sum((draft.unread or {}).values()) + len(draft.survey.rejects["train"])
    assert draft.survey.labels["relation"].total() >= 2 or told >= 2


def test_pubtator_with_two_types_of_one_mention(tmp_path):
    text = "77|t|Ulna shaft.\n77|a|The shaft is low.\n77\t0\t4\tUlna\tT1\tC1\n"
    rows = "77\t16\t21\tshaft\tT1,T2\tC2\n" * 2

    draft = drafted(tmp_path, f"{text}{rows}\n")

    assert labels(draft) == {"T1": 2, "T2": 1}


KAGGLE = '''Sentence #,Word,POS,Tag
Sentence: 1,People,NNS,O
,left,VBD,O
,Varnia,NNP,B-geo
,",",",",O
,"""",``,O
,angrily,RB,O
Sentence: 2,Mr.,NNP,B-per
,Moor,NNP,I-per
,said,VBD,O
Sentence: 3,New,NNP,B-geo
,Rye,NNP,I-geo
,is,VBZ,O
'''


def test_a_column_of_sentences_in_a_table_with_commas(tmp_path):
    draft = drafted(tmp_path, KAGGLE, "train.csv")

    assert read(draft) == [
        ('People left Varnia , " angrily', [("Varnia", "geo")]),
        ("Mr. Moor said", [("Mr. Moor", "per")]),
        ("New Rye is", [("New Rye", "geo")]),
    ]


def test_tables_with_tabs_and_quotation_marks_of_spreadsheets(tmp_path):
    table = (
        "text\thead\ttail\trelation\n"
        '"He said ""Ferrazine"" caused a rash."\tFerrazine\trash\tcauses\n'
        '"The ""red"" pill, calmaril, eased tremor."\tcalmaril\ttremor\ttreats\n'
        "Calmaril had no effect on chorea.\tCalmaril\tchorea\tNA\n"
    )

    draft = drafted(tmp_path, table, "train.tsv")

    assert read(draft)[0][0] == 'He said "Ferrazine" caused a rash.'
    assert relations(draft)[0] == ("causes", "Ferrazine", "rash")
    assert draft.dataset.labels.no_relation == ["NA"]


def test_tokens_with_quotation_marks_of_spreadsheets(tmp_path):
    rows = 'He\tO\nsaid\tO\n""""\tO\nIda\tB-PER\ncame\tO\n""""\tO\n\n'

    draft = drafted(tmp_path, rows * 3, "train.tsv")

    assert read(draft) == [('He said " Ida came "', [("Ida", "PER")])] * 3


def test_blanks_in_a_token_never_cut_it(tmp_path):
    sound = "Call O\nIda B-PER\nat O\n041 B-PHONE\n. O\n\n"
    odd = "Call O\nIda B-PER\nat O\n+41 79 555 B-PHONE\n. O\n\n"

    draft = drafted(tmp_path, odd + sound * 20)

    mentions = {text for _, own in read(draft) for text, _ in own}
    assert "+41" not in mentions
    assert "+41 79 555" in mentions or draft.survey.rejects["train"]


def test_the_language_is_that_of_the_texts(tmp_path):
    rows = [
        {
            "text": "右肺小结节；肝囊肿。",
            "entities": [
                {"id": n, "start_offset": 0, "end_offset": 2, "label": "body_part_of_the_patient"},
                {
                    "id": n + 1,
                    "start_offset": 6,
                    "end_offset": 7,
                    "label": "body_part_of_the_patient",
                },
            ],
        }
        for n in range(0, 40, 2)
    ]

    assert drafted(tmp_path, rows, "train.jsonl").dataset.language == "zh"


CHINESE = [
    {
        "text": "重症病毒性肺炎患者有高热。",
        "entities": [
            {"start_idx": 0, "end_idx": 6, "type": "dis", "entity": "重症病毒性肺炎"},
            {"start_idx": 10, "end_idx": 11, "type": "sym", "entity": "高热"},
        ],
    },
    {"text": "本病无传染性。", "entities": []},
]


def test_chinese_with_inclusive_ends(tmp_path):
    draft = drafted(tmp_path, json.dumps(CHINESE), "train.json")

    assert draft.dataset.language == "zh"
    assert draft.dataset.reader["inclusive_end"] is True
    assert read(draft)[0][1] == [("重症病毒性肺炎", "dis"), ("高热", "sym")]


def test_a_byte_order_mark_and_line_ends_in_a_text(tmp_path):
    row = {
        "originalText": "患者因“腹痛”就诊，\r\n诊断：胃癌。",
        "entities": [
            {"label_type": "症状", "overlap": 0, "start_pos": 4, "end_pos": 6},
            {"label_type": "疾病", "overlap": 0, "start_pos": 15, "end_pos": 17},
        ],
    }
    content = ("\ufeff" + json.dumps(row, ensure_ascii=False) + "\r\n").encode()

    draft = drafted(tmp_path, content)

    assert read(draft)[0][1] == [("腹痛", "症状"), ("胃癌", "疾病")]
    assert draft.unread["entities.overlap"] == 2 or "entities.overlap" not in draft.unread


def test_a_few_lines_that_count_utf16(tmp_path):
    plain = {"text": "Ida Moor left Rye.", "label": [[0, 8, "PER"], [14, 17, "LOC"]]}
    shifted = {"text": "🎉 Ida Moor left Rye.", "label": [[3, 11, "PER"], [17, 20, "LOC"]]}

    draft = drafted(tmp_path, [plain] * 8 + [shifted] * 2, "train.jsonl")

    assert {text for _, own in read(draft) for text, _ in own} == {"Ida Moor", "Rye"}


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("Ida Moor left the town of Rye in May.\nBo Lee came to it in June.\n" * 20, "train.txt"),
        ("1\ta\n2\tb\n3\tc\n\n" * 10, "train.tsv"),
        ("[The town of Rye]\nIs small and old.\n\n" * 10, "train.txt"),
        ("name,age,town\nIda,40,Rye\nBo,30,Wells\n" * 5, "train.csv"),
        ('{"a": 1, "b": [2, 3]}\n' * 5, "train.jsonl"),
        ('{"text": "Ida ran.", "entities": []}\n' * 5, "train.jsonl"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "train.txt"),
        (b"\x00\x01\x02\x03\xfe\xed" * 400, "train.bin"),
    ],
)
def test_what_holds_no_annotation_is_refused(tmp_path, content, name):
    refused(tmp_path, content, name)


def test_model_predictions_are_no_gold(tmp_path):
    rows = [
        {
            "text": "Ida Moor left Rye.",
            "prediction": [{"start": 0, "end": 8, "label": "PER"}],
            "annotation": [{"start": 14, "end": 17, "label": "LOC"}],
        }
    ] * 3

    draft = drafted(tmp_path, rows, "train.jsonl")

    assert labels(draft) == {"LOC": 3}
    assert draft.unread["prediction"] == 3


@pytest.mark.parametrize("word", ["unknown", "NA", "no_relation", "无关系", "Other"])
def test_a_relation_that_says_that_there_is_none(tmp_path, word):
    rows = [
        {"text": f"{a} met {b}.", "relations": [{"head": a, "tail": b, "relation": relation}]}
        for a, b, relation in [
            ("Ida Moor", "Bo Lee", "knows"),
            ("Cy Ward", "Rye", word),
            ("Gus Holt", "Flo Marsh", "knows"),
        ]
    ]

    draft = drafted(tmp_path, rows, "train.jsonl")

    assert draft.dataset.labels.no_relation == [word]
    assert draft.dataset.labels_of("relation") == ["knows"]
