"""`iepile new`: CONTRIBUTING followed literally for six formats, and mistakes told in words."""

import contextlib
import io
import json
import re
import shlex
import shutil
import tomllib
from contextlib import redirect_stderr, redirect_stdout
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
import yaml

from pipeline import catalog, cli
from pipeline.adding import drafting
from pipeline.catalog import raw_files
from pipeline.catalog import reader_options as options
from pipeline.errors import RawFileError
from tests.conftest import ROOT

PEOPLE = ["Ada Lowe", "Bo Lee", "Cy Ward", "Dora Finch", "Ed Moss", "Flo Marsh", "Gus Holt"]
TOWNS = ["Oslo", "New Harbour", "Ludlow", "East Finchley", "Rye", "Wells", "Bath"]
VERBS = [("moved to", "lives in"), ("was born in", "place of birth"), ("died in", "place of death")]
N = 24


def facts(offset=0):
    """(text, person, town, relation) of N imagined sentences."""
    for n in range(N):
        m = n + offset
        person, town = PEOPLE[m % 7], TOWNS[m * 3 % 5]
        verb, relation = VERBS[m % 3]
        yield f"In {1900 + 3 * m} {person} {verb} {town} with a dog.", person, town, relation, verb


def columns(path, offset):
    rows = []
    for text, person, town, *_ in facts(offset):
        words = text.replace(".", " .").split()
        tags = ["O"] * len(words)
        for name, label in ((person, "PER"), (town, "LOC")):
            at = words.index(name.split()[0])
            tags[at : at + len(name.split())] = [f"B-{label}"] + [f"I-{label}"] * name.count(" ")
        rows.append("".join(f"{w}\t{t}\n" for w, t in zip(words, tags, strict=True)))
    path.with_suffix(".tsv").write_text("\n".join(rows), encoding="utf-8")


def span_rows(offset, inclusive=0):
    for text, person, town, *_ in facts(offset):
        spans = [(text.index(s), text.index(s) + len(s) - inclusive) for s in (person, town)]
        labels = [[*span, label] for span, label in zip(spans, ("PER", "LOC"), strict=True)]
        yield {"content": text, "title": "news", "labels": labels}


def spans(path, offset):
    path.with_suffix(".json").write_text("\n".join(map(json.dumps, span_rows(offset, 1))), "utf-8")


def brat(path, offset):
    path.mkdir()
    for n, (text, person, town, relation, verb) in enumerate(facts(offset)):
        (path / f"{n:02d}.txt").write_text(text, encoding="utf-8")
        ann = []
        parts = [(person, "PER"), (town, "LOC"), (verb, "MoveEvent")]
        for number, (string, label) in enumerate(parts, start=1):
            at = text.index(string)
            ann.append(f"T{number}\t{label} {at} {at + len(string)}\t{string}")
        ann.append(f"R1\t{relation.replace(' ', '_')} Arg1:T1 Arg2:T2")
        ann.append("E1\tMoveEvent:T3 Who:T1 Where:T2")
        (path / f"{n:02d}.ann").write_text("\n".join(ann) + "\n", encoding="utf-8")


def spo(path, offset):
    rows = []
    for text, person, town, relation, _ in facts(offset):
        triple = {"p": relation, "s": person, "o": town, "s_type": "PER", "o_type": "LOC"}
        rows.append({"sentence": text, "triples": [triple]})
    text = json.dumps(rows).replace('"s_type"', '"head_type"').replace('"o_type"', '"tail_type"')
    path.with_suffix(".json").write_text(text, encoding="utf-8")


def events(path, offset):
    rows = []
    people, towns = ["张三", "李小明", "王芳"] * 8, ["苏州", "北京", "上海"] * 8
    for n, (who, where) in enumerate(zip(people, towns, strict=True)):
        text = f"{n + offset}月{who}搬到了{where}附近居住"
        arguments = [{"role": "人物", "argument": who}, {"role": "地点", "argument": where}]
        event = {"type": "搬家", "trigger": "搬到", "arguments": arguments}
        rows.append({"text": text, "events": [event]})
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    path.with_suffix(".json").write_text("\n".join(lines), encoding="utf-8")


def pairs(path, offset):
    rows = [f"{who}\t{relation}\t{text}\t{town}" for text, who, town, relation, _ in facts(offset)]
    path.with_suffix(".tsv").write_text("\n".join(rows), encoding="utf-8")


NER = {"person", "location"}
RE = {"lives in", "place of birth", "place of death"}
#: Format -> (what writes its files, the labels asked by task, the table `reader` that is found).
FORMATS = {
    "columns": (columns, {"NER": NER}, {"name": "columns"}),
    # Not named: it is found.
    "span_json": (
        spans,
        {"NER": NER},
        {
            "name": "json_rows",
            "text": "content",
            "inclusive_end": True,
            "entities": {"at": "labels", "label": 2, "start": 0, "end": 1},
        },
    ),
    "brat": (
        brat,
        {"NER": NER, "RE": RE, **{key: {"move event"} for key in ("EE", "EET", "EEA")}},
        {"name": "brat"},
    ),
    "spo_json": (
        spo,
        {"RE": RE, "SPO": {f"person_{r}_location" for r in RE}, "KG": {"person"}},
        {
            "name": "spo_json",
            "text": "sentence",
            "relations": {
                "at": "triples",
                "label": "p",
                "head": {"text": "s", "label": "head_type"},
                "tail": {"text": "o", "label": "tail_type"},
            },
        },
    ),
    "event_json": (
        events,
        {key: {"搬家"} for key in ("EE", "EET", "EEA")},
        {
            "name": "event_json",
            "text": "text",
            "events": {
                "at": "events",
                "label": "type",
                "trigger": {"text": "trigger"},
                "arguments": {"at": "arguments", "role": "role", "text": "argument"},
            },
        },
    ),
    "pair_table": (
        pairs,
        {"RE": RE},
        {"name": "pair_table", "columns": ["head", "relation", "text", "tail"]},
    ),
}


def documented(reader):
    """The four commands that CONTRIBUTING gives for a format."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    four = blocks[0].splitlines()
    firsts = [x for b in blocks for x in b.splitlines() if x.startswith("iepile new foo")]
    nameless = "iepile new foo --split train=train.json --split test=test.json"
    first = next((line for line in firsts if f"--reader {reader} " in line), nameless)
    assert len(four) == 4
    return [first, *four[1:]]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project folder of one's own, with one other dataset; declarations are written there.

    A whole copy of the project, in a process of its own, is tested by the blocks of
    docs/tutorials/your-own-dataset.md.
    """
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copytree(raw_files.CATALOG, folder / "pipeline/catalog")
    shutil.copytree(ROOT / "raw/sample/wnut2017", folder / "raw/sample/wnut2017")
    shutil.copy(ROOT / "params.yaml", folder)
    monkeypatch.setattr(raw_files, "CATALOG", folder / "pipeline/catalog")
    return folder


def shell(folder, line):
    """What becomes of a command in this folder, called in this process."""
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), redirect_stdout(out), redirect_stderr(errors):
        try:
            code = cli.main(shlex.split(line)[1:])
        except SystemExit as stop:
            code = stop.code
    return SimpleNamespace(returncode=code, stdout=out.getvalue(), stderr=errors.getvalue())


@pytest.mark.parametrize("reader", FORMATS)
def test_foo_is_added_in_four_commands(project, reader):
    write, asked, expected = FORMATS[reader]
    for split, offset in (("train", 0), ("test", 100)):
        write(project / split, offset)

    told = []
    for line in documented(reader):
        done = shell(project, line)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        told.append(done.stdout)

    assert told[1].startswith("foo: no problem in 48 records")
    assert "records shown" in told[3]
    found = {}
    for path in sorted((project / "output/foo/corpus").glob("*/*.parquet")):
        for row in pq.read_table(path).to_pylist():
            found.setdefault(row["task"], []).append(row)
    assert {task: {n for r in rows for n in r["labels"]} for task, rows in found.items()} == asked
    declared = tomllib.loads((project / "pipeline/catalog/foo.toml").read_text(encoding="utf-8"))
    assert declared["reader"] == expected
    assert declared["language"] == ("zh" if reader == "event_json" else "en")
    for rows in found.values():
        assert {row["split"] for row in rows} == {"train", "test"}
        assert {row["source"] for row in rows} == {"foo"}
        answered = [r for r in rows if any(json.loads(r["output"]).values())]
        assert len({r["record_id"] for r in answered}) == 48
    params = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))
    assert "foo" in params["datasets"]
    assert "foo/train/0" in told[3]
    sample = shell(project, "iepile check foo --raw raw/sample")
    assert sample.stdout.startswith("foo: no problem in 24 records"), sample.stdout


def new(project, *arguments):
    return shell(project, "iepile new " + " ".join(arguments))


def test_without_files_all_readers_are_listed(project):
    done = new(project, "foo")

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for name in options.readers():
        assert f"\n  {name}: " in done.stderr


def test_a_reader_of_another_format_is_told_with_its_lines(project):
    spans(project / "train", 0)

    done = new(project, "foo --reader brat --split train=train.json")

    assert done.returncode == 1
    assert "the reader brat finds no record in these files: missing_annotations" in done.stderr
    assert "leave out --reader" in done.stderr
    assert not (project / "pipeline/catalog/foo.toml").exists()
    assert not (project / "raw/full").exists()


@pytest.mark.parametrize(
    ("write", "arguments", "words"),
    [
        (spans, "span_json --option inclusive_end=false", "try inclusive_end = true"),
        (spans, "span_json --option text=title", 'try text = "content"'),
        (columns, "columns --option scheme=IO", 'try scheme = "IOB2"'),
        (
            columns,
            "columns --option token_column=1 --option tag_column=0",
            "try token_column = 0, tag_column = -1",
        ),
        (
            pairs,
            """pair_table --option 'columns=["text","relation","head","tail"]'""",
            'try columns = ["head", "relation", "text", "tail"]',
        ),
    ],
)
def test_an_option_that_fits_badly_is_refused(project, write, arguments, words):
    write(project / "train", 0)
    (file,) = project.glob("train.*")

    done = new(project, f"foo --reader {arguments} --split train={file.name}")

    assert done.returncode == 1
    assert f"likely mistake: other options of the reader fit clearly better: {words}" in done.stderr
    assert "leave out --option" in done.stderr
    assert not (project / "pipeline/catalog/foo.toml").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["wnut2017", "--split", "train=x"], "there is a dataset 'wnut2017' already"),
        (["Foo_1", "--split", "train=x"], "'Foo_1' is no id"),
        (["foo", "--split", "train=nowhere.tsv"], "there is no such file"),
        (["foo"], "no files"),
        (["foo"], "Helsinki NNP I-NP I-LOC"),
        (["foo"], "token_column, tag_column"),
        (["foo", "--reader", "colunms"], "there is no reader 'colunms', did you mean 'columns'?"),
        (["foo", "--split", "train=x", "--split", "all=x"], "all= stands alone"),
        (["foo", "--split", "train=x", "--option", "sheme=IOB2"], "there is no such file"),
    ],
)
def test_impossible_calls_are_told(arguments, words, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)

    assert cli.main(["new", "--reader", "columns", *arguments]) == 1
    assert words in capsys.readouterr().err


def test_bmes_with_blanks_and_a_source_without_splits(project):
    rows = "厦 B-LOC\n门 E-LOC\n下 O\n雨 O\n\n王 B-PER\n小 M-PER\n明 E-PER\n在 O\n\n"
    (project / "all.txt").write_text(rows * 10, encoding="utf-8")

    done = new(project, "foo --reader columns --split all=all.txt")

    assert done.returncode == 0, done.stderr
    declared = tomllib.loads((project / "pipeline/catalog/foo.toml").read_text(encoding="utf-8"))
    assert declared["reader"] == {"name": "columns", "separator": " ", "scheme": "BMES"}
    assert declared["language"] == "zh"
    assert declared["split_by_hash"] == {"train": 80, "dev": 10, "test": 10}
    assert declared["splits"]["all"]["counts"] == {"records": 20, "entities": 20}
    assert "厦门下雨" in done.stdout


def test_the_files_of_the_catalog_are_read_as_they_are_declared(project):
    """Every sample in a format with guesses: its labels are found without a single option."""
    for number, name in enumerate(
        ("cluener", "findvehicle", "duee1", "duie1", "resume-ner", "jnlpba")
    ):
        dataset = catalog.load(name)
        folder, manifest = raw_files.edition(dataset, ROOT / "raw/sample")
        file = folder / manifest.splits["train"].files[0].path
        reader = dataset.reader["name"]

        done = new(project, f"foo-{number} --reader {reader} --split train='{file}'")

        assert done.returncode == 0, done.stderr
        path = project / f"pipeline/catalog/foo-{number}.toml"
        labels = tomllib.loads(path.read_text(encoding="utf-8"))["labels"]
        for kind in ("entity", "relation", "event"):
            assert {*labels.get(kind, ())} <= {*dataset.names(kind)}, name


def test_rows_that_repeat_a_text_and_say_that_there_is_no_relation(project):
    rows = ["text,head,tail,relation"]
    for n, (person, town) in enumerate(zip(PEOPLE, TOWNS, strict=True)):
        text = f'"{person} moved, in {1950 + n}, from {TOWNS[n - 1]} to {town}."'
        rows += [f"{text},{person},{town},livesIn", f"{text},{person},{TOWNS[n - 1]},NA"]
    (project / "train.csv").write_text("\n".join(rows), encoding="utf-8")

    done = new(project, "foo --reader pair_table --split train=train.csv")
    checked = shell(project, "iepile check foo --raw raw/full")

    assert done.returncode == 0, done.stderr
    declared = tomllib.loads((project / "pipeline/catalog/foo.toml").read_text(encoding="utf-8"))
    assert declared["reader"] == {"name": "pair_table", "separator": ","}
    assert declared["labels"] == {"relation": {"livesIn": "lives in"}, "no_relation": ["NA"]}
    assert declared["one_annotation_per_row"] is True
    assert checked.stdout.startswith("foo: no problem in 14 records, 14 relations")


@pytest.mark.parametrize(
    ("reader", "text", "options"),
    [
        (
            "columns",
            "B-PER Ada\nO ran\n\nB-PER Bo\nO sat\n\n" * 5,
            {"separator": " ", "tag_column": 0, "token_column": 1, "scheme": "IOB2"},
        ),
        ("columns", "Ada\tS-PER\nran\tO\n\nBo\tB-PER\nLee\tE-PER\n\n" * 5, {"scheme": "BIOES"}),
        (
            "span_json",
            '{"text": ["Ada", "ran"], "entities": [{"start": 0, "end": 1, "label": "PER"}]}\n' * 5,
            {"tokens": "text"},
        ),
    ],
)
def test_what_is_not_told_is_guessed(reader, text, options, tmp_path):
    file = tmp_path / "train.txt"
    file.write_text(text, encoding="utf-8")

    dataset, survey, *_ = drafting.draft("foo", reader, {}, {"train": [file]}, "en")

    assert {k: dataset.reader.get(k) for k in options} == options
    assert dataset.tasks == ["NER"]
    assert survey.labels["entity"] == {"PER": sum(map(text.count, ("B-PER", "S-PER", '"PER"')))}


def test_files_that_lie_in_their_place_stay_and_others_are_not_written_over(project):
    columns(project / "mine", 0)
    place = project / "raw/full/foo/mine.tsv"
    place.parent.mkdir(parents=True)
    place.write_text("another\tO\n", encoding="utf-8")

    done = new(project, "foo --reader columns --split train=mine.tsv")
    assert done.returncode == 1
    assert "another file is here already" in done.stderr
    assert "raw/full/foo/mine.tsv" in done.stderr
    assert "move it away" in done.stderr

    shutil.move(project / "mine.tsv", place)
    done = new(project, "foo --reader columns --split train=raw/full/foo/mine.tsv")
    assert done.returncode == 0, done.stderr
    assert place.exists()
    assert (project / "pipeline/catalog/foo.toml").exists()


def test_a_file_of_one_document_is_a_stub_only_if_it_is_small(project):
    def relations(count):
        tokens = ["Harl", "Bridge", "spans", "the", "Sava"]
        ends = {"h": ["harl bridge", "Q1", [[0, 1]]], "t": ["sava", "Q2", [[4]]]}
        rows = [{"tokens": [*tokens, str(n)], **ends} for n in range(count)]
        return json.dumps({"P177": rows, "P26": rows[: count // 2]})

    for name, count in (("small", 10), ("large", 3000)):
        (project / f"{name}.json").write_text(relations(count), encoding="utf-8")
        done = new(project, f"{name} --reader fewrel --split train={name}.json")
        assert done.returncode == 0, done.stderr

    sample = project / "raw/sample"
    assert (sample / "small/small.json").read_text(encoding="utf-8") == relations(10)
    assert not (sample / "large").exists()


def sentences(row, above=""):
    """N sentences of columns, with lines above each of them."""
    parts = []
    for n, (text, person, town, *_) in enumerate(facts()):
        words = text.replace(".", " .").split()
        names = {**dict.fromkeys(person.split(), "PER"), **dict.fromkeys(town.split(), "LOC")}
        firsts = {person.split()[0], town.split()[0]}
        tags = [f"{'BI'[w not in firsts]}-{names[w]}" if w in names else "O" for w in words]
        own = [
            row.format(i=i, w=w, t=t)
            for i, (w, t) in enumerate(zip(words, tags, strict=True), start=1)
        ]
        parts.append("\n".join([*above.format(n=n, text=text).splitlines(), *own, ""]))
    return "\n".join(parts)


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize(
    ("above", "row", "options"),
    [
        (
            "# id {n:04}-aaaa\tdomain=en",
            "{w} _ _ {t}",
            {"comment": "# ", "separator": " ", "scheme": "IOB2"},
        ),
        (
            "# sent_id = {n}\n# text = {text}",
            "{i}\t{w}\t{t}\t_",
            {"comment": "# ", "separator": "\t", "token_column": 1, "tag_column": 2},
        ),
        ("# id = {n}", "{w}\t{t}", {"comment": "# ", "separator": "\t"}),
        ("#tag\tO", "{w}\t{t}", {"separator": "\t"}),
        ("#\tO", "{w}\t{t}", {"separator": "\t"}),
    ],
)
def test_comments_above_sentences_are_no_tokens(tmp_path, above, row, options, given):
    file = tmp_path / "train.txt"
    file.write_text(sentences(row, above), encoding="utf-8")
    told = {"separator": options["separator"]} if given else {}

    dataset, survey, *_ = drafting.draft("foo", "columns", told, {"train": [file]}, None)

    plain = {"comment": None, "separator": "\t"}
    assert {"comment": None} | options == {
        k: dataset.reader.get(k, plain.get(k)) for k in {"comment"} | {*options}
    }
    assert survey.labels["entity"] == {"PER": N, "LOC": N}
    assert dataset.splits["train"].counts == {"records": N, "entities": 2 * N}


def test_a_draft_with_a_label_for_every_annotation_is_warned_of(project):
    rows = "".join(f"word{n}\tlabel{n % 20}\n\n" for n in range(30))
    (project / "train.txt").write_text(rows, encoding="utf-8")

    done = new(project, "foo --reader columns --option scheme=IO --split train=train.txt")

    assert done.returncode == 0, done.stderr
    assert "warning: 20 entity labels for 30 entities: are these labels" in done.stdout


def test_a_draft_that_asks_control_characters_is_warned_of(project):
    (project / "train.txt").write_text("Ada\tB-PER\x01\nran\tO\n", encoding="utf-8")

    done = new(project, "foo --reader columns --split train=train.txt")

    assert done.returncode == 0, done.stderr
    assert r"warning: labels with control characters: 'PER\x01'" in done.stdout


def test_a_file_is_judged_in_the_encoding_that_is_told(tmp_path):
    file = tmp_path / "train.txt"
    rows = "王\tB-PER\n芳\tI-PER\n在\tO\n厦\tB-LOC\n门\tI-LOC\n住\tO\n\n" * N
    file.write_bytes(rows.encode("gbk"))

    dataset, survey, *_ = drafting.draft(
        "foo", "columns", {"encoding": "gbk"}, {"train": [file]}, None
    )

    assert dataset.language == "zh"
    assert dataset.reader == {
        "name": "columns",
        "separator": "\t",
        "scheme": "IOB2",
        "encoding": "gbk",
    }
    assert survey.labels["entity"] == {"PER": N, "LOC": N}


@pytest.mark.parametrize("empty", ["", "A text without any.\n"])
@pytest.mark.parametrize("shift", [-1, 3])
def test_offsets_that_are_all_off_are_named_and_not_another_reader(tmp_path, empty, shift):
    file = tmp_path / "train.json"
    rows = [{"text": text.strip(), "entities": []} for text in empty.splitlines()]
    for text, person, *_ in facts():
        start = text.index(person) + shift
        span = {"start": start, "end": start + len(person), "label": "PER", "text": person}
        rows.append({"text": text, "entities": [span]})
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")

    with pytest.raises(RawFileError) as told:
        drafting.draft("foo", "span_json", {}, {"train": [file]}, None)

    assert "offset_mismatch: " in told.value.what
    assert ("the most frequent problem" in told.value.what) == bool(empty)
    assert "counts from 1" in told.value.todo
    assert "--reader" not in told.value.todo


def test_offsets_that_leave_out_a_byte_order_mark_are_told_how_to_count_it(tmp_path):
    brat(tmp_path / "brat", 0)
    for path in (tmp_path / "brat").glob("*.txt"):
        path.write_text("\ufeff" + path.read_text(encoding="utf-8"), encoding="utf-8")

    with pytest.raises(RawFileError, match="offset_mismatch: ") as told:
        drafting.draft("foo", "brat", {}, {"train": [tmp_path / "brat"]}, None)

    assert "a byte order mark before a text is one" in told.value.todo


def test_annotations_that_are_all_rejected_are_not_called_missing(tmp_path):
    folder = tmp_path / "brat"
    brat(folder, 0)
    for path in folder.glob("*.txt"):
        path.write_text("\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    rows = [{"text": "nothing", "spo_list": []}, {"text": "Ada ran", "spo_list": [["Ada", "p"]]}]
    file = tmp_path / "train.json"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")

    for reader, path, problem in (
        ("brat", folder, "offset_mismatch: "),
        ("spo_json", file, "malformed_record: "),
    ):
        with pytest.raises(RawFileError) as told:
            drafting.draft("foo", reader, {}, {"train": [path]}, None)
        assert told.value.what.startswith(
            f"no annotation could be read, the most frequent problem: {problem}"
        )


def test_files_without_any_annotation_are_told_as_before(tmp_path):
    file = tmp_path / "train.json"
    file.write_text('{"text": "Ada ran", "entities": []}\n' * 3, encoding="utf-8")

    with pytest.raises(RawFileError, match="the files hold no annotation"):
        drafting.draft("foo", "span_json", {}, {"train": [file]}, None)


@pytest.mark.parametrize(
    ("header", "options"),
    [
        ("label,sentence,e1,e2", {"columns": ["relation", "text", "head", "tail"], "header": True}),
        ("Class,Note,Tail,Head", None),
        ("a,b,c,d", {"columns": ["relation", "text", "head", "tail"], "header": True}),
        ("relation,text,head,tail", {}),
        ("", {"columns": ["relation", "text", "head", "tail"]}),
    ],
)
def test_a_header_of_a_table_is_no_row(tmp_path, header, options):
    file = tmp_path / "train.csv"
    rows = [f'{relation},"So, {text}",{who},{town}' for text, who, town, relation, _ in facts()]
    file.write_text("\n".join([header, *rows]), encoding="utf-8")

    dataset, survey, *_ = drafting.draft("foo", "pair_table", {}, {"train": [file]}, None)

    if options is not None:
        assert dataset.reader == {"name": "pair_table", "separator": ",", **options}
    assert {*survey.labels["relation"]} == RE
    assert dataset.splits["train"].counts == {"records": N, "relations": N}


def test_columns_that_are_told_skip_a_header_and_a_dirty_first_row_stays(tmp_path):
    told = {"columns": ["relation", "text", "head", "tail"], "separator": "\t"}
    rows = [f"{r}\t{text}\t{who}\t{town}" for text, who, town, r, _ in facts()]
    for first, header in (("rel\tdoc\tx\ty", True), (rows[0].upper(), None), (rows[0], None)):
        file = tmp_path / "train.tsv"
        file.write_text("\n".join([first, *rows]), encoding="utf-8")

        dataset, *_ = drafting.draft("foo", "pair_table", told, {"train": [file]}, None)

        assert dataset.reader.get("header") is header
        assert dataset.splits["train"].counts["records"] == N + (header is None)


def test_offsets_from_one_are_warned_of(project):
    rows = [*span_rows(0)]
    for row in rows:
        row["labels"] = [[start + 1, end + 1, label] for start, end, label in row["labels"]]
    (project / "train.json").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")

    done = new(project, "foo --reader span_json --split train=train.json")

    assert done.returncode == 0, done.stderr
    assert "warning: only 0% of the mentions begin and end where words do" in done.stdout


def test_mentions_without_offsets_are_drawn_where_they_stand(project):
    spo(project / "train", 0)

    done = new(project, "foo --reader spo_json --split train=train.json")

    assert done.returncode == 0, done.stderr
    assert "no place in the text" not in done.stdout
    assert "━━━━━━━━" in done.stdout


CHINESE = "王\tB-PER\n芳\tI-PER\n在\tO\n厦\tB-LOC\n门\tI-LOC\n住\tO\n\n" * N
ROWS = '{"text": "王芳在厦门住。", "entities": [{"start": 0, "end": 2, "label": "PER"}]}\n' * N


@pytest.mark.parametrize(
    ("reader", "text", "written", "told"),
    [
        ("columns", CHINESE, "gb18030", "--option encoding=gb18030"),
        ("columns", CHINESE, "utf-16", "iconv -f utf-16 -t utf-8"),
        ("columns", "Gómez\tB-PER\nva\tO\n\n" * N, "latin-1", "--option encoding=latin-1"),
        ("columns", "Анна\tB-PER\nи\tO\nОля\tB-PER\n\n" * N, "cp1251", "encoding=cp1251"),
        ("columns", "カナ\tB-PER\nは\tO\n\n" * N, "shift_jis", "--option encoding=shift_jis"),
        ("span_json", ROWS, "gb18030", "iconv -f gb18030 -t utf-8"),
        ("span_json", ROWS, "utf-16", "iconv -f utf-16 -t utf-8"),
        ("span_json", ROWS, "utf-16-le", "iconv -f utf-16 -t utf-8"),
    ],
)
def test_another_encoding_is_recognized(tmp_path, reader, text, written, told):
    file = tmp_path / "train.txt"
    file.write_bytes(text.encode(written))

    with pytest.raises(RawFileError, match="these bytes are no UTF-8") as error:
        drafting.draft("foo", reader, {}, {"train": [file]}, None)

    assert told in error.value.todo
    assert ("--option" in error.value.todo) == (reader == "columns" and written != "utf-16")
    # What it reads like is shown, as a guess may be wrong.
    first = text.split("\n")[0].expandtabs(1)
    assert written.startswith("utf-16") or f"as {written}: " in error.value.what.expandtabs(1)
    assert written.startswith("utf-16") or first[:30] in error.value.what.expandtabs(1)


@pytest.mark.parametrize(
    "slip",
    [b"Ad\xe9\tO\n\n", b"\xed\xa0\xbd\xed\xb8\x80\tO\n\n", b""],
    ids=["latin-1", "cesu-8", "none"],
)
def test_a_slip_is_no_other_encoding(tmp_path, slip):
    file = tmp_path / "train.txt"
    file.write_bytes(slip + CHINESE.encode())

    dataset, *_ = drafting.draft("foo", "columns", {}, {"train": [file]}, None)

    assert dataset.language == "zh"
    assert dataset.splits["train"].counts["entities"] == 2 * N


@pytest.mark.parametrize(
    ("tokens", "tags", "options"),
    [
        ("tokens", "ner_tags", {}),
        ("tokens", "tags", {"tags": "tags"}),
        ("words", "labels", {"tokens": "words", "tags": "labels"}),
    ],
)
@pytest.mark.parametrize(
    ("first", "scheme"), [("B-PER", {}), ("S-PER", {"scheme": "BIOES"}), ("PER", {"scheme": "IO"})]
)
def test_the_fields_of_tokens_and_tags_are_guessed(tmp_path, tokens, tags, options, first, scheme):
    file = tmp_path / "train.json"
    rows = [{tokens: [name, "ran"], tags: [first, "O"]} for name in TOWNS]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")

    dataset, survey, *_ = drafting.draft("foo", "tagged_json", {}, {"train": [file]}, None)

    assert dataset.reader == {"name": "tagged_json", **options, **scheme}
    assert survey.labels["entity"] == {"PER": len(TOWNS)}


def test_tags_that_are_numbers_ask_for_their_names(tmp_path):
    file = tmp_path / "train.json"
    file.write_text('{"tokens": ["Ada", "ran"], "ner_tags": [1, 0]}\n' * N, encoding="utf-8")

    for reader in ("tagged_json", None):
        with pytest.raises(RawFileError) as told:
            drafting.draft("foo", reader, {}, {"train": [file]}, None)
        assert "add --option 'tag_names=" in told.value.todo
        assert "Error" not in str(told.value)

    names = {"tag_names": ["O", "B-PER"]}
    dataset, survey, *_ = drafting.draft("foo", "tagged_json", names, {"train": [file]}, None)
    assert dataset.reader == {"name": "tagged_json", **names}
    assert survey.labels["entity"] == {"PER": N}
