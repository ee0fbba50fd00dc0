"""`iepile check`: each kind of finding, and the mistakes that it names."""

import json
import shutil
import tracemalloc

import msgspec
import pytest

from pipeline import catalog, cli
from pipeline.adding import checking, choosing, drafting, fitting, telling
from pipeline.catalog import raw_files
from tests.conftest import ROOT
from tests.helpers import DECLARATION

SAMPLE = ROOT / "raw" / "sample"

ENTITIES = 'entities = { at = "entities", start = "start", end = "end", label = "label" }'
ROWS = "Ada\tB-PER\nsleeps\tO\n\nBo\tB-PER\nLee\tI-PER\nwakes\tO\n"


def better(dataset, files):
    return choosing.better(fitting.fit(dataset, files), files)


def declared(tmp_path, text=DECLARATION):
    (tmp_path / "toy.toml").write_text(text, encoding="utf-8")
    return catalog.load("toy", tmp_path)


def found(dataset, folder, **splits):
    """The findings as lines, for splits given as (content, counts)."""
    own = {}
    for name, (content, counts) in splits.items():
        (folder / f"{name}.txt").write_text(content, encoding="utf-8")
        own[name] = catalog.Split([catalog.File(f"{name}.txt")], counts)
    checked = checking.check(dataset, folder, catalog.Manifest(own), 0.02)
    return [*map(str, checked.findings)]


def test_files_that_agree_with_their_declaration(tmp_path):
    counts = {"records": 2, "entities": 2}

    assert found(declared(tmp_path), tmp_path, train=(ROWS, counts)) == []


def test_all_findings_are_told_at_once(tmp_path):
    dataset = declared(tmp_path, DECLARATION + 'LOC = "location"\n')
    rows = ROWS + "\nX\tB-ORG\n\nY\n"

    lines = found(dataset, tmp_path, train=(rows, {"entities": 5}), dev=(ROWS, {}))

    assert lines == [
        "toy/train/train.txt:10: missing_column in 1 of 4 records, the first: 1 of 2 columns",
        "toy/train: counts differ: entities: declared 5, found 3",
        "toy: unknown entity 'ORG' (1 time)",
        "toy: entity labels never seen (1 of 2): 'LOC'",
    ]


@pytest.mark.parametrize(
    ("option", "missing"),
    [
        ('source_id = "doc"', None),
        ('source_id = "document"', "document"),
        ('title = "head"', "head"),
        ('annotator = "who"', "who"),
        ('only = { status = ["good"] }', "status"),
        ('only = { doc = ["a"] }', None),
    ],
)
def test_a_field_that_is_nowhere_is_told(tmp_path, option, missing):
    """By `new` as well. One row of one split is enough."""
    rows = [{"text": "Ada", "entities": [{"start": 0, "end": 3, "label": "PER"}]}]
    rows *= 3
    read = f"""{{ name = "json_rows", {option}, {ENTITIES} }}"""
    dataset = declared(tmp_path, DECLARATION.replace('{ name = "columns" }', read))
    later = [*rows, rows[0] | {"doc": "a"}]
    splits = {"train": rows, "dev": later}
    texts = {s: "".join(f"{json.dumps(row)}\n" for row in own) for s, own in splits.items()}

    lines = found(dataset, tmp_path, **{split: (text, {}) for split, text in texts.items()})

    told = f"not found: [reader] names {missing!r}, and no row has it"
    assert lines == ([f"toy: {told}"] if missing else [])
    given = {key: value for key, value in dataset.reader.items() if key != "name"}
    files = {split: [tmp_path / f"{split}.txt"] for split in texts}
    draft = drafting.draft("other", "json_rows", given, files, "en")
    assert [line for line in telling.warnings(draft) if "not found" in line] == (
        [told] if missing else []
    )


def test_an_array_of_json_is_never_held_as_a_whole(tmp_path):
    dataset = declared(tmp_path, DECLARATION.replace('name = "columns"', 'name = "span_json"'))
    row = {
        "text": "Ada is in the house of Tom. " * 100,
        "entities": [{"start": 0, "end": 3, "label": "PER"}],
    }
    rows = ",\n".join(json.dumps({**row, "id": n}) for n in range(4_000))
    assert len(rows) > 10 << 20

    split = catalog.Split([catalog.File("train.json")], {"records": 4_000, "entities": 4_000})
    manifest = catalog.Manifest({"train": split})
    # What is imported is not counted below.
    (tmp_path / "train.json").write_text(f"[{json.dumps(row)}]")
    checking.check(dataset, tmp_path, manifest, 0.02)
    (tmp_path / "train.json").write_text(f"[{rows}]")

    tracemalloc.start()
    checked = checking.check(dataset, tmp_path, manifest, 0.02)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert checked.findings == []
    assert most < len(rows)  # Its values alone would be more.


@pytest.mark.parametrize("odd", ["\x01", "\x0b", "\u202e", "\x9b", "\u2028"])
@pytest.mark.parametrize("name", [None, "per{}", "someone"])
def test_control_characters_in_labels(tmp_path, odd, name):
    rows = ROWS.replace("B-PER", f"B-PER{odd}")
    asked = f"PER{odd}" if name is None else name.format(odd)
    more = "" if name is None else f"{json.dumps(f'PER{odd}')} = {json.dumps(asked)}\n"

    lines = found(declared(tmp_path, DECLARATION + more), tmp_path, train=(rows, {}))

    told = [line for line in lines if "control characters" in line]
    expected = f"toy: labels with control characters: {asked!a}: correct the files"
    assert [line.startswith(expected) for line in told] == [True] * (name != "someone")


def test_labels_may_be_missing_in_a_cut(tmp_path):
    text = DECLARATION + 'LOC = "location"\n[splits.train]\ncounts = { records = 3 }\nfiles = []\n'
    dataset = declared(tmp_path, text)

    assert found(dataset, tmp_path, train=(ROWS, {})) == []
    assert "never seen" in found(dataset, tmp_path, train=(ROWS + "\nX\tO\n", {}))[0]


def test_hashes_and_missing_files(tmp_path):
    (tmp_path / "a.txt").write_text(ROWS, encoding="utf-8")
    files = [catalog.File("a.txt", sha256="0" * 64), catalog.File("b.txt")]
    manifest = catalog.Manifest({"train": catalog.Split(files)})

    checked = checking.check(declared(tmp_path), tmp_path, manifest, 0.02)

    first, second = map(str, checked.findings)
    assert first.startswith("toy/train/a.txt: sha256 is ")
    assert second == "toy/train/b.txt: this raw file is missing"
    assert not checked.whole


def test_mentions_that_are_not_in_their_text(tmp_path):
    text = DECLARATION.replace("columns", "spo_json").replace('["NER"]', '["RE"]')
    dataset = declared(tmp_path, text + '[labels.relation]\nknows = "knows"\n')
    rows = [
        {"text": "Ada met Bo.", "spo_list": [{"predicate": "knows", "subject": s, "object": "Bo"}]}
        for s in ("Ada", "Eda")
    ]

    lines = found(dataset, tmp_path, train=("\n".join(map(json.dumps, rows)), {}))

    assert lines[0] == "toy/train: mentions that are not in their text: 1 of 4"


def test_a_file_that_cannot_be_read_is_a_finding(tmp_path):
    dataset = declared(tmp_path, DECLARATION.replace('"columns"', '"span_json"'))

    (line, *_) = found(dataset, tmp_path, train=("[1", {}))

    assert line.startswith("toy/train: cannot be read: not a JSON document")


SWAPPED = {"token_column": -1, "tag_column": 0}


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("cluener", {"inclusive_end": False}, "try inclusive_end = true"),
        ("findvehicle", {"inclusive_end": True}, "try inclusive_end = false"),
        ("resume-ner", {"scheme": "IOB2"}, 'try scheme = "BMES"'),
        ("wnut2017", {"scheme": "IO"}, 'try scheme = "IOB2"'),
        ("conll2003", SWAPPED, "try token_column = 0, tag_column = -1"),
        ("bc5cdr", SWAPPED, "try token_column = 0, tag_column = -1"),
        ("conll2003", {"separator": "\t"}, 'try separator = " "'),
        ("wnut2017", {"separator": " "}, 'try separator = "\\t"'),
        ("cluener", {"text": "label"}, 'try text = "text"'),
        ("duie2", {"text": "spo_list"}, 'try text = "text"'),
        ("duee1", {"text": "id"}, 'try text = "text"'),
    ],
)
def test_the_likely_mistake_is_named(name, change, words):
    dataset = catalog.load(name)
    folder, manifest = raw_files.edition(dataset, SAMPLE)
    wrong = msgspec.structs.replace(dataset, reader={**dataset.reader, **change})

    lines = [str(f) for f in checking.check(wrong, folder, manifest, 0.02).findings]

    named = [line for line in lines if line.startswith(f"{name}/train: likely mistake: ")]
    assert len(named) == 1
    assert named[0].endswith(words)


PEOPLE = ["Ada Lowe", "Bo Lee", "Cy", "Dora Finch", "Ed Moss", "Flo Marsh"]
TOWNS = ["Oslo", "New Harbour", "Ludlow", "East Finchley", "Rye", "Wells"]
LABELS = {"PER": "person", "LOC": "location"}


def spans_without_strings(inclusive):
    rows = []
    for person, town in zip(PEOPLE, TOWNS, strict=True):
        text = f"Last week {person} moved to {town} for good"
        places = [(text.index(s), text.index(s) + len(s)) for s in (person, town)]
        spans = [[a, b - inclusive, k] for (a, b), k in zip(places, LABELS, strict=True)]
        rows.append({"id": f"{len(rows)}", "sentence": text, "label": spans})
    return "\n".join(map(json.dumps, rows))


def chinese_spans_without_strings(inclusive):
    rows = []
    for person, town in zip(
        ["张三", "李小明", "王芳"], ["苏州", "北京大学", "上海市"], strict=True
    ):
        text = f"上周{person}搬到了{town}附近居住"
        places = [(text.index(s), text.index(s) + len(s)) for s in (person, town)]
        spans = [[a, b - inclusive, k] for (a, b), k in zip(places, LABELS, strict=True)]
        rows.append({"sentence": text, "label": spans})
    return "\n".join(map(json.dumps, rows))


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("inclusive", [True, False])
def test_ends_are_judged_by_words_where_no_string_is_given(tmp_path, inclusive, language):
    write = spans_without_strings if language == "en" else chinese_spans_without_strings
    (tmp_path / "a.json").write_text(write(inclusive), encoding="utf-8")
    places = {"at": "label", "start": 0, "end": 1, "label": 2}
    form = {"text": "sentence", "entities": places}
    reader = {"name": "json_rows", **form, "inclusive_end": not inclusive}
    dataset = msgspec.structs.replace(declared(tmp_path), reader=reader, language=language)
    dataset.labels = catalog.Labels(entity=LABELS)

    change = better(dataset, [tmp_path / "a.json"])

    assert change.reader.get("inclusive_end", False) is inclusive
    assert better(change, [tmp_path / "a.json"]) is None


@pytest.mark.parametrize(
    "columns",
    [
        ["head", "text", "tail", "relation"],
        ["relation", "head", "tail", "text"],
        ["text", "relation", "tail", "head"],
    ],
)
def test_swapped_columns_of_a_pair_table(tmp_path, columns):
    names = [p.split()[0] for p in PEOPLE]
    rows = [
        f"{who} {'works in' if n % 2 else 'was born in'} {town}.\t{who}\t{town}\tREL-{n % 2}"
        for n, (who, town) in enumerate(zip(names, TOWNS, strict=True))
    ]
    (tmp_path / "a.tsv").write_text("\n".join(rows), encoding="utf-8")
    reader = {"name": "pair_table", "columns": columns}
    dataset = msgspec.structs.replace(declared(tmp_path), reader=reader)
    dataset.labels = catalog.Labels(relation=["REL-0", "REL-1"])

    change = better(dataset, [tmp_path / "a.tsv"])

    right = 'try columns = ["text", "head", "tail", "relation"]'
    assert choosing.explained(dataset, change).endswith(right)
    assert change.reader["columns"] == ["text", "head", "tail", "relation"]


@pytest.mark.parametrize("name", catalog.ids())
def test_no_mistake_is_seen_where_there_is_none(name):
    dataset = catalog.load(name)
    folder, manifest = raw_files.edition(dataset, SAMPLE)
    for split in manifest.splits.values():
        files = [folder / file.path for file in split.files]
        assert better(dataset, files) is None


@pytest.mark.usefixtures("in_project")
def test_the_command_prints_a_line_per_finding(tmp_path, capsys):
    shutil.copytree(SAMPLE / "cluener", tmp_path / "cluener")
    path = tmp_path / "cluener" / "train.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"address"', '"adress"'), "utf-8")

    good = cli.main(["check", "wnut2017", "cluener"])
    told = capsys.readouterr().out
    bad = cli.main(["check", "--all", "--raw", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()

    assert (good, bad) == (0, 1)
    assert told.splitlines()[0].startswith("wnut2017: no problem in 26 records")
    assert lines
    assert all(line.startswith("cluener: unknown entity 'adress'") for line in lines)


def test_rejects_that_are_declared_are_no_finding():
    dataset = catalog.load("bc5cdr-pubtator")
    folder, manifest = raw_files.edition(dataset, SAMPLE)
    assert any(split.counts.get("rejects") for split in manifest.splits.values())
    assert checking.check(dataset, folder, manifest, 0.02).findings == []

    for split in manifest.splits.values():
        split.counts.pop("rejects", None)
    told = [f.what for f in checking.check(dataset, folder, manifest, 0.02).findings]
    assert told
    assert all(" in " in what and ", the first: " in what for what in told)


def test_comments_that_are_not_declared_are_a_likely_mistake(tmp_path):
    rows = [f"# id = {n}\nAda\tB-PER\nsleeps\tO\n" for n in range(20)]

    lines = found(declared(tmp_path), tmp_path, train=("\n".join(rows), {}))

    assert lines[1].endswith('try comment = "# "')


def test_as_many_labels_as_annotations(tmp_path):
    labels = "\n".join(f'L{n} = "label {n}"' for n in range(20))
    dataset = declared(tmp_path, DECLARATION + labels)
    rows = "\n".join(f"word{n}\tB-L{n % 20}\n" for n in range(30))

    lines = found(dataset, tmp_path, train=(rows, {}))

    assert lines[0].startswith("toy: 20 entity labels for 30 entities: are these labels ('L0', ")


@pytest.mark.parametrize(("shift", "told"), [(0, False), (1, True)])
def test_offsets_that_cut_words_are_a_finding(tmp_path, shift, told):
    rows = []
    for row in map(json.loads, spans_without_strings(0).splitlines()):
        row["label"] = [[a + shift, b + shift, k] for a, b, k in row["label"]]
        rows.append(json.dumps(row))
    text = DECLARATION.replace(
        'name = "columns"',
        'name = "json_rows", text = "sentence", '
        'entities = { at = "label", start = 0, end = 1, label = 2 }',
    )
    dataset = declared(tmp_path, text + 'LOC = "location"\n')

    lines = found(dataset, tmp_path, train=("\n".join(rows), {}))

    words = "only 0% of the mentions begin and end where words do: the offsets look counted from 1"
    assert [line.startswith(f"toy/train: {words}") for line in lines] == [True] * told
