"""The report: sums that add up, data for DVC, the rows that are shown, the size of the page."""

import csv
import json
import re
import tomllib
from html.parser import HTMLParser

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from rich.cells import cell_len

from pipeline import catalog
from pipeline.cli import main
from pipeline.commands.chain import everything
from pipeline.commands.layout import Workspace
from pipeline.config import Settings
from pipeline.errors import CountError
from pipeline.execution import shards
from pipeline.report import COUNTED, PLOTTED, asked, examples, figures, page, stage, tables
from pipeline.report.examples import Span
from pipeline.report.stage import report
from pipeline.terminal import listing
from pipeline.text import drawn, visible
from tests.conftest import ROOT
from tests.planted import DATASETS, IMAGE, SCRIPT, planted

#: What could end the script or begin another, were it not escaped.
ODD = ["</script><script>owned()</script>", "<!--<script>", "]]>\u2028owned()//", "' onload='x"]
GAIN = {"probe": 0.5, "prior": 0.25, "low": 0.2, "high": 0.3}
SOME = ["wnut2017", "phee", "duie2", "ade-corpus", "weibo-ner", "conll04"]


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """All stages over some datasets of the sample edition."""
    out = tmp_path_factory.mktemp("sample")
    ws = Workspace(Settings(), ROOT / "raw" / "sample", out)
    return everything(SOME, ws), ws.folders


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """The planted corpus, with its report beside."""
    folder = tmp_path_factory.mktemp("planted")
    folders = planted(folder)
    skipped = [(text, text) for text in ODD]
    return report(DATASETS, folders, folder / "reports", skipped), folders, folder / "reports"


def test_every_row_read_is_rejected_merged_dropped_or_kept(sample):
    counts, folders = sample

    for name, own in counts["datasets"].items():
        read = own["read"].values()
        rejected = sum(r["records"] for r in _rows(folders["normalize"] / name / "rejects.parquet"))
        records = {
            row["id"]
            for _, path in shards.record_shards(folders["normalize"] / name)
            for row in _rows(path)
        }
        assert sum(s["rejected"] for s in read) == rejected
        merged = sum(s["merged_rows"] for s in read)
        assert sum(s["rows"] for s in read) == rejected + merged + len(records), name

        dropped = {}
        for _, path in shards.record_shards(folders["clean"] / name):
            tags = _rows(folders["dedupe"] / name / path.name)
            for row, tag in zip(_rows(path), tags, strict=True):
                assert row["dropped"] in (None, tag["dropped"])
                if tag["dropped"]:
                    dropped[row["id"]] = tag["dropped"]
        told = {}
        for split, own_split in own["records"].items():
            assert own_split["records"] == own_split["kept"] + sum(own_split["dropped"].values())
            for reason, n in own_split["dropped"].items():
                told[split, reason] = n
        found = {}
        for identifier, reason in dropped.items():
            key = (identifier.split("/")[1], reason)
            found[key] = found.get(key, 0) + 1
        assert found == told, name
        assert sum(s["kept"] for s in own["records"].values()) == len(records) - len(dropped)


def content_of(path):
    """What a page tells: the JSON in it."""
    _, _, rest = path.read_text(encoding="utf-8").partition('id="data">')
    return json.loads(rest.partition("</script>")[0])


def _rows(path):
    return shards.read(path).to_pylist()


def test_metrics_sum_up_to_the_counts(sample):
    counts, folders = sample
    metrics = {
        p.stem: json.loads(p.read_bytes()) for p in (folders["report"] / "metrics").iterdir()
    }
    total = json.loads((folders["report"] / "total.json").read_bytes())

    assert {*metrics} == {*SOME}
    for name, own in metrics.items():
        assert own["rows"] == own["rejected"] + own["merged_rows"] + own["records"] - own["windows"]
        assert own["records"] == own["kept"] + sum(own["dropped"].values())
        assert own["positive_share"] + own["hard_share"] + own["other_share"] == pytest.approx(
            1, abs=2e-4
        )
        tasks = counts["datasets"][name]["instructions"].values()
        assert own["instructions"] == sum(s["instructions"] for t in tasks for s in t.values())
    for key in ("rows", "rejected", "merged_rows", "records", "kept", "instructions"):
        assert total[key] == sum(own[key] for own in metrics.values())
    for reason, n in total["dropped"].items():
        assert n == sum(own["dropped"][reason] for own in metrics.values()) > 0


def test_plot_data_agree_with_the_counts(sample):
    counts, folders = sample
    plots = {
        p.stem: [*csv.DictReader(p.open(encoding="utf-8"))]
        for p in (folders["report"] / "plots").iterdir()
    }
    totals = figures.totals(counts)

    assert {*plots} == {"drops", "label_frequency", "text_length", "positives", "pure_negative"}
    for name in SOME:
        held_out = catalog.load(name).use == "held-out"
        splits = counts["datasets"][name]["records"]
        kept = sum(own["kept"] for s, own in splits.items() if s == "test" or not held_out)
        assert sum(int(r["records"]) for r in plots["text_length"] if r["dataset"] == name) == kept
        for task in figures.asked_tasks(catalog.load(name)):
            own = [r for r in plots["positives"] if r["dataset"] == f"{name} {task}"]
            assert sum(int(r["records"]) for r in own) == kept
            asked = sum(int(r["positives"]) * int(r["records"]) for r in own)
            labels = [
                r for r in plots["label_frequency"] if (r["dataset"], r["task"]) == (name, task)
            ]
            assert asked == sum(int(r["records"]) for r in labels)
        dropped = {r["reason"]: int(r["records"]) for r in plots["drops"] if r["dataset"] == name}
        assert dropped == {reason: n for reason, n in totals[name]["dropped"].items() if n}


def test_tables_agree_with_the_counts(sample):
    counts, folders = sample
    frames = tables(folders["report"].parent)

    assert {*frames} == {*COUNTED, *PLOTTED}
    totals = figures.totals(counts)
    datasets = frames["datasets"].set_index("dataset")
    assert [*datasets.index] == sorted(SOME)
    for key in ("rows", "records", "kept", "instructions", "dropped.duplicate"):
        whole = totals[""]
        for part in key.split("."):
            whole = whole[part]
        assert datasets[key].sum() == whole, key
    splits = frames["splits"].groupby("dataset").sum(numeric_only=True)
    shared = [*splits.columns]
    assert "dropped.too_short" in shared
    assert splits.equals(datasets[shared])
    asked = frames["instructions"].groupby("dataset")["instructions"].sum()
    assert asked.equals(datasets["instructions"])
    found = frames["odd_annotations"]["found"].sum()
    assert found == sum(
        n
        for dataset in counts["datasets"].values()
        for kinds in dataset["hygiene"].values()
        for n in kinds.values()
    )
    assert frames["drops"]["records"].sum() == (datasets["records"] - datasets["kept"]).sum()


def test_audit_prints_tables_for_programs(sample, capsys):
    out = str(sample[1]["report"].parent)

    def printed(*arguments):
        assert main(["audit", "--run", out, *arguments]) == 0
        return capsys.readouterr().out

    rows = [*csv.DictReader(printed("--csv").splitlines())]
    assert [row["dataset"] for row in rows] == sorted(SOME)
    objects = json.loads(printed("--json", "--table", "splits"))
    assert sum(row["kept"] for row in objects) == sum(int(row["kept"]) for row in rows)
    assert printed("--table", "drops").split()[:4] == ["dataset", "reason", "records", "share"]


@pytest.mark.parametrize("columns", [80, 120, 180])
def test_audit_fits_the_terminal(sample, capsys, monkeypatch, columns):
    counts, folders = sample
    monkeypatch.setattr(listing, "width", lambda: columns)
    assert main(["audit", "--run", str(folders["report"].parent)]) == 0

    _, _, *lines = capsys.readouterr().out.splitlines()
    *lines, corpus, page, following = lines
    assert all(cell_len(line) <= columns for line in lines)
    words = [line.split()[0] for line in lines if line and line[0] != " "]
    hidden = ["not", "see"] if columns < 180 else []
    assert words == ["dataset", *sorted(SOME), "total", *hidden, "dropped:"]
    total = sum(own["instructions"] for own in figures.totals(counts).values()) // 2
    assert f"{total:,}" in next(line for line in lines if line.startswith("total"))
    assert corpus.endswith(str(folders["publish"]))
    assert page.endswith(str(folders["report"] / "index.html"))
    assert following.endswith("--out messages")


def test_audit_tells_what_differs_from_another_run(sample, tmp_path, capsys):
    here = sample[1]["report"]
    counts = json.loads((here / "counts.json").read_bytes())
    del counts["datasets"]["phee"]
    split = counts["datasets"]["wnut2017"]["records"]["train"]
    split["kept"] -= 1
    split["dropped"]["too_long"] = 1
    shards.write_json(counts, tmp_path / "other" / "reports" / "counts.json")
    rows = figures.changes(counts, sample[0])

    assert ["wnut2017", "train", "kept", split["kept"], split["kept"] + 1] in rows
    assert ["wnut2017", "train", "dropped: too_long", 1, 0] in rows
    assert {row[0] for row in rows} == {"phee", "wnut2017"}
    whole = figures.totals(sample[0])["phee"]["instructions"]
    assert sum(n for *_, key, _, n in rows if key.startswith("instructions")) == whole
    out = tmp_path / "two.html"
    arguments = ["audit", "--run", str(here.parent), "--against", str(tmp_path / "other")]
    assert main([*arguments, "--page", str(out)]) == 0
    told = capsys.readouterr().out
    assert "\nonly here: phee\n" in told
    assert "phee  " not in told
    assert re.search(rf"wnut2017 +train +kept +{split['kept']} +{split['kept'] + 1} +1\n", told)
    text = out.read_text(encoding="utf-8")
    assert json.loads(text.partition('id="changes">')[2].partition("<")[0])["rows"] == rows
    assert content_of(out) == content_of(here / "index.html")

    assert main(["audit", "--run", str(here.parent), "--against", str(here.parent)]) == 0
    assert capsys.readouterr().out == "No count differs.\n"
    assert main(["audit", "--run", str(here.parent), "--page", str(out)]) == 1
    assert "--against DIR" in capsys.readouterr().err


def test_no_names_are_taken_for_missing_values(corpus):
    """pandas reads NA and null as nothing."""
    frames = tables(corpus[2].parent)
    labels = frames["label_frequency"]["label"]

    assert {SCRIPT.replace("</", "<\\/"), IMAGE} <= {*labels}
    assert labels.notna().all()


def test_card_page_and_audit_say_that_the_sample_is_invented(sample, capsys):
    counts, folders = sample
    told = "All texts are invented: imagined in the format of the real data."
    content = content_of(folders["report"] / "index.html")

    assert counts["edition"]["invented"] == sorted(SOME)
    assert content["edition"] == "Sample: invented text."
    assert content["warning"].startswith(told)
    assert all(dataset["invented"] for dataset in content["datasets"])
    card = (folders["publish"] / "README.md").read_text(encoding="utf-8")
    assert card.split("---\n", 2)[2].lstrip().startswith(f"**Sample: invented text.** {told}")
    assert main(["audit", "--run", str(folders["report"].parent)]) == 0
    assert capsys.readouterr().out.startswith(told)


@pytest.mark.parametrize("invented", [(), ("wan",)])
def test_the_page_says_which_texts_are_invented(tmp_path, invented):
    counts = report(DATASETS, planted(tmp_path, invented=invented), tmp_path / "reports")
    content = content_of(tmp_path / "reports" / "index.html")

    told = "The texts of 1 of 2 datasets (wan) are invented"
    assert counts["edition"] == {"invented": [*invented], "versions": {"toy": "", "wan": ""}}
    assert (
        (told in content["warning"])
        == (told in listing.summary(counts, tmp_path))
        == bool(invented)
    )
    assert content["edition"] == "Invented text."
    assert [d["id"] for d in content["datasets"] if d["invented"]] == [*invented]


def test_every_manifest_of_the_sample_edition_says_so():
    manifests = [*(ROOT / "raw" / "sample").glob("*/manifest.toml")]

    assert len(manifests) == len(catalog.ids())
    assert [m for m in manifests if not tomllib.loads(m.read_text("utf-8")).get("invented")] == []


def test_a_lost_record_is_an_error(tmp_path):
    folders = planted(tmp_path)
    path = folders["clean"] / "toy" / "train-00000.parquet"
    shards.write(shards.read(path).slice(1), path)
    tags = folders["dedupe"] / "toy" / "train-00000.parquet"
    shards.write(shards.read(tags).slice(1), tags)

    with pytest.raises(CountError, match="normalize wrote 12 records, clean holds 11"):
        report(DATASETS, folders, tmp_path / "reports")


def test_shards_and_workers_change_no_byte(corpus, tmp_path):
    folders = planted(tmp_path, shard_rows=2)
    skipped = [(text, text) for text in ODD]
    report(DATASETS, folders, tmp_path / "reports", skipped, workers=2)

    one, two = (
        {p.relative_to(f).as_posix(): p.read_bytes() for p in f.rglob("*") if p.is_file()}
        for f in (corpus[2], tmp_path / "reports")
    )
    assert one == two


def test_every_planted_drop_is_shown_with_its_partner(corpus):
    content = content_of(corpus[2] / "index.html")
    shown = {r["id"]: r for r in content["rows"] if r["outcome"] != "near-duplicate"}

    outcomes = {name: row["outcome"] for name, row in shown.items() if name.startswith("toy/")}
    assert outcomes == {
        "toy/train/0": "kept",
        "toy/train/1": "kept",
        "toy/train/2": "dropped: train_text_in_test",
        "toy/train/3": "kept",
        "toy/train/4": "dropped: duplicate",
        "toy/train/5": "dropped: conflicting_duplicate",
        "toy/train/6": "dropped: conflicting_duplicate",
        "toy/train/7": "dropped: mostly_non_letters",
        "toy/train/8": "kept",
        "toy/train/9": "kept",
        "toy/train/10": "kept",
        "toy/test/0": "kept",
    }
    assert shown["toy/train/2"]["partner"]["id"] == "toy/test/0"
    partner = shown["toy/train/5"]["partner"]
    (start, end, label) = partner["spans"][-1]
    assert (partner["text"][start:end], label) == ("Bob", "thing")
    assert shown["toy/train/7"]["partner"] is None
    assert shown[f"a.txt:1 {SCRIPT}"]["outcome"] == "rejected: odd_tag"


@pytest.mark.parametrize("partner", ["toy/test", "a/benchmark.jsonl", "toy/benchmark", "x.txt"])
def test_a_partner_that_is_no_record_is_not_looked_up(partner):
    row = {"id": "toy/train/0", "partner_id": partner}

    assert examples.with_partners([row], None, {}, {"toy"}, 1) == [{**row, "partner": None}]


def test_kinds_of_labels_are_as_many_as_the_row_says(sample):
    """In every row of every instruction shown: positives, hard and other negatives."""
    _, folders = sample
    rows = content_of(folders["report"] / "index.html")["instructions"]
    found = {}
    for name in SOME:
        for path in (folders["instruct"] / name).glob("*/*.parquet"):
            found |= {row["id"]: row for row in _rows(path)}

    assert {row["dataset"] for row in rows} == {*SOME}
    assert {row["task"] for row in rows} == {t for d in SOME for t in catalog.load(d).tasks}
    for row in rows:
        kinds = [kind for _, kind, *_ in row["labels"]]
        made = found[row["id"]]
        assert [label for label, *_ in row["labels"]] == made["labels"]
        told = [made["n_positive"], made["n_hard"], made["n_other"]]
        assert [kinds.count(kind) for kind in ("positive", "hard", "other")] == told, row["id"]
    assert any("hard" in {kind for _, kind, *_ in row["labels"]} for row in rows)


@pytest.mark.parametrize(
    ("labels", "output", "keys", "answers"),
    [
        (["a", "b"], '{"a": ["x"], "b": []}', {}, [["x"], []]),
        (["a", "b"], '{"called otherwise": ["x"], "b": []}', {}, [["x"], []]),
        (
            ["p_r_q", "s_r_q", "p_t_q"],
            '{"r": [1], "t": []}',
            {"p_r_q": "r", "s_r_q": "r", "p_t_q": "t"},
            [[1], [1], []],
        ),
    ],
)
def test_answers_are_found_by_their_order(labels, output, keys, answers):
    assert asked.answers(labels, output, keys) == answers


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ([], []),
        (["a", "b"], ["a", "b"]),
        (["a" * 200, "b" * 150, "c" * 150], ["a" * 200, "b" * 150, "… and 1 more"]),
        ([{"trigger": "a" * 500}, {"trigger": "b"}], [{"trigger": "a" * 500}, "… and 1 more"]),
        ({"Etna": {"height": "1" * 400}}, '{"Etna":{"height":"' + "1" * 380 + "…"),
    ],
)
def test_of_a_long_answer_the_page_shows_its_beginning(answer, shown):
    assert asked.beginning(answer) == shown


def test_units_are_records_or_pairs():
    ids = ["a/train/7/NER/0", "a/train/7/RE/3.12", "b-1/dev/0/EEA/10"]

    assert asked.units(pa.array(ids)).to_pylist() == ["a/train/7", "a/train/7/3", "b-1/dev/0"]


def example(outcome, n, text="x" * 700):
    return {"dataset": "a", "outcome": outcome, "id": str(n), "text": text}


def test_few_gives_every_kind_its_turn():
    rows = [example(outcome, n) for outcome in ("kept", "dropped: x") for n in range(5)]

    assert examples.few(rows, ("outcome",), 20_000) == (rows, 5)
    few, most = examples.few(rows, ("outcome",), 5_000)
    assert most == 3
    assert [(r["outcome"], r["id"]) for r in few] == [
        *(("kept", str(n)) for n in range(3)),
        *(("dropped: x", str(n)) for n in range(3)),
    ]
    one, most = examples.few(rows, ("outcome",), 1_000)
    assert ([r["id"] for r in one], most) == (["0"], 1)
    assert examples.few(rows, ("outcome",), 1) == ([], 0)
    assert examples.few([], ("outcome",), 1) == ([], 0)


def test_facts_that_do_not_fit_are_counted():
    mentions = [
        {"text": f"organ {n}", "start": None, "end": None, "label": "organ"} for n in range(8)
    ]
    row = {"id": "a/train/1", "dataset": "a", "split": "train", "language": "en", "text": "heart"}
    row |= {"origin": "x:1", "mentions": mentions, "relations": [], "events": []}
    shown = examples.shown({**row, **dict.fromkeys(("dropped", "drop_detail", "drop_partner"))})

    assert shown["facts"][5] == "organ: organ 5 (no place in the text)"
    assert shown["facts"][6:] == ["2 more annotations"]


some_spans = st.lists(
    st.tuples(st.integers(0, 999), st.integers(1, 300), st.sampled_from(["a", "b", ""])),
    max_size=12,
)


@given(st.integers(1, 1000), some_spans)
def test_an_excerpt_is_a_piece_of_the_text_with_its_spans(size, drawn):
    text = "".join(chr(0x4E00 + i) for i in range(size))
    found = {Span(s, min(s + n, size), label) for s, n, label in drawn if s < size}
    spans = sorted(found, key=lambda span: (span.start, -span.end, span.label))

    shown, inside, more = examples.excerpt(text, spans)

    assert shown.strip("…") in text
    assert len(shown) <= 600
    shift = text.index(shown.strip("…")) - shown.startswith("…")
    marked = {Span(start + shift, end + shift, label) for start, end, label in inside}
    assert marked <= {*spans}
    assert marked == {*spans} or more
    assert all(shown[a:b] == text[a + shift : b + shift] for a, b, _ in inside)


def test_nothing_of_the_data_becomes_markup(corpus):
    html = (corpus[2] / "index.html").read_text(encoding="utf-8")

    assert html.count("<script") == 3
    assert "<img" not in html
    assert 'href="javascript:' not in html
    assert SCRIPT not in html
    assert IMAGE not in html
    content = content_of(corpus[2] / "index.html")
    assert {d["homepage"] for d in content["datasets"]} == {""}
    assert SCRIPT in content["datasets"][0]["title"]


def large(datasets, labels):
    """The page of so many datasets with so many labels, every reason and long rows."""
    outcomes = tomllib.loads((ROOT / "pipeline/report/page/outcomes.toml").read_text("utf-8"))
    reasons = [name for name in outcomes if name not in ("rejected", "merged")]
    names = [f"关系类型 or a long label {i}" for i in range(labels)]
    kinds = ("n_positive", "n_hard", "n_other", "instructions", "pure_negative", "asked_nothing")
    sums = dict.fromkeys(kinds, 9)
    records = {"records": 900, "kept": 20, "dropped": dict.fromkeys(reasons, 88)}
    counts = {
        "read": {"train": {"rows": 900, "rejected": 0, "merged_rows": 0}},
        "hygiene": {"train": {"span_with_two_labels": 3}},
        "records": dict.fromkeys(("train", "dev", "test"), records),
        "instructions": {task: {"train": sums, "test": sums} for task in ("NER", "RE")},
        "leak": {task: {"positive": GAIN, "pure": GAIN} for task in ("NER", "RE")},
    }
    counted = {
        "labels": {task: dict.fromkeys(names, 1000) for task in ("NER", "RE")},
        "positives": {task: [1000] * 11 for task in ("NER", "RE")},
        "lengths": [1000] * 11,
    }
    near = {task: dict.fromkeys(names, names[:6]) for task in ("NER", "RE")}
    text = "一段很长的文字 and English words " * 20
    spans = [[i, i + 4, "thing"] for i in range(0, 300, 20)]
    row = {"split": "train", "language": "zh", "detail": "", "text": text, "spans": spans}
    row["facts"] = [text[:160]] * 3
    asks = [[name, "positive", [text[:80]], ""] for name in names[:6]]
    ask = {"split": "train", "language": "zh", "instruction": text, "pair": None, "text": text}
    ids = [f"dataset-of-some-{number}" for number in range(datasets)]
    declared = [structs.replace(DATASETS[0]) for _ in ids]
    rows, asked_rows = [], []
    for name, own in zip(ids, declared, strict=True):
        own.id = name
        for reason in (*reasons, "rejected"):
            found = {**row, "id": f"{name}/train/1", "dataset": name, "outcome": reason}
            rows += [{**found, "partner": found}] * 8
        for task in ("NER", "RE"):
            asked_rows += [{**ask, "id": name, "dataset": name, "task": task, "labels": asks}] * 16
    all_counts = {
        "datasets": dict.fromkeys(ids, counts),
        "skipped": {},
        "edition": {"invented": [], "versions": {}},
    }
    one = stage.Measured(counts, counted, near, [], [], None)
    measured = dict.fromkeys(ids, one) | {ids[0]: one._replace(instructions=asked_rows)}
    return page.html(page.data(declared, all_counts, figures.totals(all_counts), measured, rows))


@pytest.mark.parametrize(("datasets", "labels"), [(60, 100), (500, 30)])
def test_the_page_of_a_large_corpus_is_small(datasets, labels):
    html = large(datasets, labels)

    assert 1_000_000 < len(html.encode()) < 5_000_000


def test_every_dataset_shows_a_few_labels_and_their_neighbors(corpus):
    toy, wan = content_of(corpus[2] / "index.html")["datasets"]

    assert toy["labels"]["NER"] == [["place", 4], ["person", 2], ["thing", 2]]
    assert dict(toy["near"]["NER"])["place"] == ["person", "thing"]
    assert {label for label, _ in wan["labels"]["NER"]} == {SCRIPT, IMAGE, "地点"}


def test_labels_come_in_the_order_of_their_counts():
    counts = {"a": 1, "b": 3, "c": 3}

    assert page._by_count(["a", "c", "b", "d"], counts) == ["b", "c", "a", "d"]


def verdict(corpus, **leak):
    counts = json.loads(json.dumps(corpus[0]))
    counts["datasets"]["toy"]["leak"] = leak
    totals = figures.totals(corpus[0])
    counted = {"labels": {"NER": {"ship": 1, "raft": 0}}}
    measured = {"toy": stage.Measured({}, counted, {}, [], [], None)}
    return page.verdict(counts, totals[""], measured, {}, {"conflicts": []})


def test_the_verdict_tells_leaks_and_labels_that_never_occur(corpus):
    none, leaking = GAIN | {"low": -0.01}, GAIN
    sound = verdict(corpus, NER={"positive": none})
    bad = verdict(corpus, NER={"positive": leaking})

    assert (
        "good",
        "All rows read are accounted for: 18 kept, merged, dropped or rejected.",
    ) in sound
    assert ("good", "The labels asked give no answer away; tasks probed: 1.") in sound
    assert ("note", "Labels that occur in no kept record: 1.") in sound
    assert [text for level, text in bad if level == "bad"] == [
        "Tasks whose labels give answers away: 1 (toy NER)."
    ]
    assert any("to probe" in text for level, text in verdict(corpus) if level == "note")


class _Page(HTMLParser):
    """What a browser would find in the page."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_holds_one_script_whatever_the_data_says(corpus):
    page = _Page()
    page.feed((corpus[2] / "index.html").read_text(encoding="utf-8"))

    assert page.tags.count("script") == 3
    assert not {"img", "iframe", "object", "embed", "base"} & {*page.tags}
    assert [name for name, _ in page.attributes if name.startswith("on")] == []
    hrefs = [value or "" for name, value in page.attributes if name in {"href", "src", "action"}]
    assert [h for h in hrefs if not h.startswith(("#", "https://", "http://", "data:"))] == []
    told = json.dumps(content_of(corpus[2] / "index.html"), ensure_ascii=False)
    assert all(
        json.dumps(visible(t), ensure_ascii=False)[1:-1] in told for t in [*ODD, SCRIPT, IMAGE]
    )


def test_cells_of_csv_are_no_formulas(tmp_path):
    odd = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", " =1", "＝1+1", "\r=1"]
    sound = ["person", "a=b", "中", "1-2", -5, 0.25, "a,b", "a<b"]
    ends = {"</script>": "<\\/script>", "a<!--": "a<\\!--"}
    stage._write_csv(
        tmp_path / "plots" / "x.csv", ["cell"], [[cell] for cell in [*odd, *sound, *ends]]
    )

    with (tmp_path / "plots" / "x.csv").open(encoding="utf-8", newline="") as file:
        (_, *rows) = csv.reader(file)
    assert rows[: len(odd)] == [["'" + drawn(cell)] for cell in odd]
    assert rows[len(odd) :] == [[str(cell)] for cell in [*sound, *ends.values()]]
