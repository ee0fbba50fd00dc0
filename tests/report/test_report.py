"""The report: sums that add up, data for DVC, the rows that are shown, the size of the page."""

import csv
import json
import string
import tomllib
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from pipeline import catalog
from pipeline.cli import main
from pipeline.commands.chain import everything
from pipeline.commands.layout import Workspace
from pipeline.config import Settings
from pipeline.dedupe.tags import record_shards, tagged
from pipeline.errors import CountError
from pipeline.execution import shards
from pipeline.report import COUNTED, PLOTTED, examples, figures, marks, page, stage, tables
from pipeline.report.marks import Span
from pipeline.report.stage import report
from pipeline.terminal import listing
from pipeline.text import drawn, visible
from tests.conftest import ROOT
from tests.planted import DATASETS, IMAGE, SCRIPT, planted

#: What could end the script or begin another, were it not escaped.
ODD = ["</script><script>owned()</script>", "<!--<script>", "]]>\u2028owned()//", "' onload='x"]
GAIN = {"probe": 0.5, "prior": 0.25, "low": 0.2, "high": 0.3}
FIGURES = {"labels": {"NER": {"ship": 3, "raft": 2}}, "positives": {}, "lengths": [0] * 11}
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
            for _, path in record_shards(folders["normalize"] / name)
            for row in _rows(path)
        }
        assert sum(s["rejected"] for s in read) == rejected
        merged = sum(s["merged_rows"] for s in read)
        assert sum(s["rows"] for s in read) == rejected + merged + len(records), name

        dropped = {}
        for _, path in record_shards(folders["clean"] / name):
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
    words = [line.split()[0] for line in lines if line]
    hidden = ["not", "see"] if columns < 180 else []
    assert words == ["dataset", *sorted(SOME), "total", *hidden, "dropped:"]
    total = sum(own["instructions"] for own in figures.totals(counts).values()) // 2
    assert f"{total:,}" in next(line for line in lines if line.startswith("total"))
    assert corpus.endswith(str(folders["publish"]))
    assert page.endswith(str(folders["report"] / "index.html"))
    assert following.endswith("--out messages")


def test_no_names_are_taken_for_missing_values(corpus):
    """pandas reads NA and null as nothing."""
    frames = tables(corpus[2].parent)
    labels = frames["label_frequency"]["label"]

    assert {SCRIPT, IMAGE} <= {*labels}
    assert labels.notna().all()


def test_card_page_and_audit_say_that_the_sample_is_invented(sample, capsys):
    counts, folders = sample
    told = "All texts are invented: imagined in the format of the real data."
    page = (folders["report"] / "index.html").read_text(encoding="utf-8")

    assert counts["edition"] == {"invented": sorted(SOME)}
    assert f"<strong>{told}" in page.partition("</header>")[0]
    assert "real rows" not in page
    card = (folders["publish"] / "README.md").read_text(encoding="utf-8")
    assert card.split("---\n", 2)[2].lstrip().startswith(f"**{told}")
    assert main(["audit", "--run", str(folders["report"].parent)]) == 0
    assert capsys.readouterr().out.startswith(told)


@pytest.mark.parametrize("invented", [(), ("wan",)])
def test_the_page_says_which_texts_are_invented(tmp_path, invented):
    counts = report(DATASETS, planted(tmp_path, invented=invented), tmp_path / "reports")
    html = (tmp_path / "reports" / "index.html").read_text(encoding="utf-8")

    told = "The texts of 1 of 2 datasets (wan) are invented"
    assert counts["edition"] == {"invented": [*invented]}
    assert (told in html) == (told in listing.summary(counts, tmp_path)) == bool(invented)
    assert ("of the real data: free" in html) == bool(invented)
    assert html.count('<span class="status">invented</span>') == 4 * len(invented)


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
    _, folders, _ = corpus
    rows = []
    for d in DATASETS:
        groups = {}
        for _, path in record_shards(folders["clean"] / d.id):
            examples.choose(groups, tagged(path, folders["dedupe"] / d.id), 8)
        rows += examples.chosen(d, groups, folders["normalize"] / d.id, 8)
    shown = {r["id"]: r for r in examples.with_partners(rows, folders, {"toy", "wan"}, 1)}

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
    assert shown["toy/train/5"]["partner"]["pieces"][-2:] == [("text", "Bob"), ("close", "thing")]
    assert shown["toy/train/7"]["partner"] is None
    assert shown[f"a.txt:1 {SCRIPT}"]["outcome"] == "rejected: odd_tag"


def shown(outcome, n, text="x" * 700):
    row = {"dataset": "a", "outcome": outcome, "id": str(n), "detail": "", "facts": [], "more": []}
    return {**row, "pieces": [("text", text)], "partner": None}


def test_few_takes_the_first_of_each_kind():
    rows = [shown(outcome, n) for outcome in ("kept", "dropped: x") for n in range(5)]

    assert examples.few(rows, 20_000) == (rows, 5)
    few, most = examples.few(rows, 7_000)
    assert most == 3
    assert [(r["outcome"], r["id"]) for r in few] == [
        *(("kept", str(n)) for n in range(3)),
        *(("dropped: x", str(n)) for n in range(3)),
    ]
    assert examples.few(rows, 1)[1] == 1
    assert examples.few([], 1)[0] == []


def test_marks_nest_and_crossing_ones_are_told():
    spans = [Span(2, 8, "thing"), Span(3, 5, "part"), Span(6, 10, "odd")]
    pieces, more = marks.excerpt(string.ascii_lowercase, spans)

    assert pieces == [
        ("text", "ab"),
        ("open", "thing"),
        ("text", "c"),
        ("open", "part"),
        ("text", "de"),
        ("close", "part"),
        ("text", "fgh"),
        ("close", "thing"),
        ("text", "ijklmnopqrstuvwxyz"),
    ]
    assert more == ["crosses another mention: odd: ghij"]


def test_facts_that_do_not_fit_are_counted():
    mentions = [
        {"text": f"organ {n}", "start": None, "end": None, "label": "organ"} for n in range(8)
    ]
    row = {"id": "a/train/1", "dataset": "a", "split": "train", "language": "en", "text": "heart"}
    row |= {"origin": "x:1", "mentions": mentions, "relations": [], "events": []}
    shown = examples.shown({**row, **dict.fromkeys(("dropped", "drop_detail", "drop_partner"))})

    assert shown["facts"][5] == ("organ", "organ 5 (no place in the text)")
    assert len(shown["facts"]) == 6
    assert shown["more"] == ["2 more annotations"]


some_spans = st.lists(
    st.tuples(st.integers(0, 999), st.integers(1, 300), st.sampled_from(["a", "b", ""])),
    max_size=12,
)


@given(st.integers(1, 1000), some_spans)
def test_an_excerpt_is_a_piece_of_the_text_with_balanced_marks(size, drawn):
    text = "".join(chr(0x4E00 + i) for i in range(size))
    found = {Span(s, min(s + n, size), label) for s, n, label in drawn if s < size}
    spans = sorted(found, key=lambda span: (span.start, -span.end, span.label))

    pieces, more = marks.excerpt(text, spans)

    shown = "".join(value for kind, value in pieces if kind == "text")
    assert shown.strip("…") in text
    assert len(shown) <= 600
    stack, marked, at = [], set(), text.index(shown.strip("…")) - shown.startswith("…")
    for kind, value in pieces:
        if kind == "open":
            stack.append((at, value))
        elif kind == "close":
            start, label = stack.pop()
            assert label == value
            marked.add(Span(start, at, label))
        else:
            at += len(value)
    assert stack == []
    assert marked <= {*spans}
    assert marked == {*spans} or more


def test_nothing_of_the_data_becomes_markup(corpus):
    html = (corpus[2] / "index.html").read_text(encoding="utf-8")

    assert html.count("<script") == 1
    assert "<img" not in html
    assert "javascript:" not in html
    assert "onerror=&#34;" in html
    assert SCRIPT not in html
    assert IMAGE not in html


def test_the_page_of_a_full_corpus_is_small():
    """60 datasets of 100 labels, every drop reason and 1,200 long rows with partners."""
    datasets, counts, drawn, rows = (
        [],
        {"datasets": {}, "skipped": {}, "edition": {"invented": []}},
        {},
        [],
    )
    reasons = [*page.GLOSSARY]
    labels = [f"关系类型 or a long label {i}" for i in range(100)]
    made = None
    for number in range(60):
        name = f"dataset-of-some-{number}"
        d = catalog.load("re-docred").__class__(
            **{**{f: getattr(DATASETS[0], f) for f in DATASETS[0].__struct_fields__}, "id": name}
        )
        datasets.append(d)
        kinds = ("n_positive", "n_hard", "n_other", "instructions", "pure_negative")
        own = dict.fromkeys((*kinds, "asked_nothing"), 9)
        counts["datasets"][name] = {
            "read": {"train": {"rows": 90, "rejected": 0, "merged_rows": 0}},
            "hygiene": {"train": {"span_with_two_labels": 3}},
            "records": {
                "train": {"records": 90, "kept": 20, "dropped": dict.fromkeys(reasons, 10)}
            },
            "instructions": {task: {"train": own} for task in ("NER", "RE")},
            "leak": {task: {"positive": GAIN, "pure": GAIN} for task in ("NER", "RE")},
        }
        if made is None:  # they are alike; drawing is what takes time
            near = {
                a: [{"label": b, "score": 0.5} for b in labels[i : i + 6]]
                for i, a in enumerate(labels)
            }
            own = {
                "labels": {task: dict.fromkeys(labels, 1000) for task in ("NER", "RE")},
                "positives": {task: [1000] * 11 for task in ("NER", "RE")},
                "lengths": [1000] * 11,
            }
            made = page.charts(own, {"NER": near, "RE": near})
        drawn[name] = made
        text = "一段很长的文字 and English words " * 16
        shown, more = marks.excerpt(text, [Span(i, i + 4, "thing") for i in range(0, 300, 20)])
        row = {
            "id": f"{name}/train/1",
            "dataset": name,
            "split": "train",
            "language": "zh",
            "status": "dropped",
            "outcome": f"dropped: {reasons[0]}",
            "detail": f"{name}/train/2",
            "pieces": shown,
            "facts": [(labels[0], text[:160])] * 3,
            "more": more,
        }
        rows += [{**row, "partner": row}] * 20
    totals = figures.totals(counts)
    rows, most = examples.few(rows, stage._ROWS_BYTES)

    html = page.render(datasets, counts, totals, drawn, rows, most)

    assert most >= 3
    assert 1_000_000 < len(html.encode()) < 5_000_000


@pytest.mark.parametrize("score", [None, 0.4])
def test_links_made_by_hand_have_no_score_and_are_drawn(score):
    near = {"ship": [{"label": "boat", "score": None}, {"label": "raft", "score": score}]}
    near |= {"boat": [], "raft": []}

    drawn = page.charts(FIGURES, {"NER": near})["neighbors"][0]
    assert drawn["labels"][1] == ("raft", near["raft"])
    cells = {
        (drawn["labels"][row][0], drawn["labels"][column][0]) for row, column, _ in drawn["cells"]
    }
    assert cells == {("ship", "boat"), ("ship", "raft")}
    assert [opacity for *_, opacity in drawn["cells"]] == [1, 1]


def test_two_labels_make_no_map_and_no_links_no_list():
    link = [{"label": "boat", "score": 0.5}]
    (two,) = page.charts(FIGURES, {"NER": {"ship": link, "boat": []}})["neighbors"]
    (none,) = page.charts(FIGURES, {"NER": {label: [] for label in "abc"}})["neighbors"]

    assert (two["cells"], len(two["labels"])) == ([], 2)
    assert (none["cells"], none["labels"], none["hidden"]) == ([], [], 0)


counts = st.lists(st.integers(0, 10**9), min_size=11, max_size=11)


@given(counts, st.dictionaries(st.text(max_size=9), st.integers(0, 10**9), max_size=30))
def test_bars_are_as_long_as_their_counts(positives, labels):
    dataset = {"labels": {"NER": labels}, "positives": {"NER": positives}, "lengths": positives}

    first, second, third = page.charts(dataset, {})["bars"].values()
    assert [name for name, *_ in first] == sorted(labels, key=lambda x: (-labels[x], x))[:15]
    for rows, most in ((first, labels.values()), (second, positives), (third, positives)):
        for _, _, ((length, color, title),) in rows:
            assert color is None
            assert length == int(title.replace(",", "")) / (max(most) or 1)


def test_parts_of_a_bar_are_as_long_as_their_reasons():
    dropped = {"duplicate": 2, "near_duplicate": 0, "too_short": 1}
    total = {"records": 4, "kept": 1, "dropped": dropped}
    none = {"records": 9, "kept": 9, "dropped": dict.fromkeys(dropped, 0)}

    assert page._drops({"": total, "a": total, "b": none}) == [
        (
            "a",
            "75.0%",
            [
                (pytest.approx(2 / 3), 0, "duplicate: 2"),
                (pytest.approx(1 / 3), 2, "too_short: 1"),
            ],
        )
    ]


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

    assert page.tags.count("script") == 1
    assert not {"img", "iframe", "object", "embed", "base"} & {*page.tags}
    assert [name for name, _ in page.attributes if name.startswith("on")] == []
    hrefs = [value or "" for name, value in page.attributes if name in {"href", "src", "action"}]
    assert [h for h in hrefs if not h.startswith(("#", "https://", "http://", "data:"))] == []
    shown = "".join(page.text)
    assert all(visible(text) in shown for text in [*ODD, SCRIPT, IMAGE])


def test_cells_of_csv_are_no_formulas(tmp_path):
    odd = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", " =1", "＝1+1", "\r=1"]
    sound = ["person", "a=b", "中", "1-2", -5, 0.25, "a,b"]
    stage._write_csv(tmp_path / "plots" / "x.csv", ["cell"], [[cell] for cell in [*odd, *sound]])

    with (tmp_path / "plots" / "x.csv").open(encoding="utf-8", newline="") as file:
        (_, *rows) = csv.reader(file)
    assert rows[: len(odd)] == [["'" + drawn(cell)] for cell in odd]
    assert rows[len(odd) :] == [[str(cell)] for cell in sound]
