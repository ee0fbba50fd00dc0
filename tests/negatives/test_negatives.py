"""The dictionary: what is near, how it is chosen, that its bytes depend on nothing else.

Run with `pytest tests/test_negatives.py`.
"""

import os
import random
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from pipeline.catalog import Dataset, Labels
from pipeline.config import Negatives
from pipeline.dedupe import tags as kept
from pipeline.errors import DeclarationError, PipelineError
from pipeline.execution import shards
from pipeline.negatives import confusability, evidence, fusion, interchange, signals
from pipeline.negatives.encoders import CorpusEncoder
from pipeline.negatives.evidence import gather
from pipeline.negatives.fusion import Block, fused, inner_products, standardized
from pipeline.negatives.interchange import compare, dictionary_of, neighbors, read
from pipeline.negatives.stage import negatives
from pipeline.records import Argument, Event, Mention, Record, Relation
from pipeline.tables import to_table
from tests.conftest import ROOT
from tests.helpers import save_model

#: Label -> strings. The first two share most strings, the next two some; contexts go with groups.
PEOPLE = ("Ines Calloway", "Tom Arlen", "Mara Voss", "Jon Pell", "Rua Sand", "Li Brook")
FIRMS = ("Velmora Ltd", "Ostrin Group", "Kandel Works", "Pale Harbour Inc", "Nuvo Labs")
KINDS = {
    "actor": (PEOPLE[:5], "starred in the film"),
    "director": (PEOPLE[1:], "directed the film"),
    "company": (FIRMS[:4], "shares were sold by"),
    "supplier company": (FIRMS[1:], "parts were sold by"),
    "year": (("1984", "1999", "2004", "2011"), "back in"),
}
#: Whose context a label is found in now and then.
TWINS = {
    "actor": "director",
    "director": "actor",
    "company": "supplier company",
    "supplier company": "company",
    "year": "year",
}


def dataset(name="toy", labels=tuple(KINDS), tasks=("NER",), **more):
    if not isinstance(labels, Labels):
        labels = Labels(entity=[*labels])
    return Dataset(
        id=name,
        title=name,
        source=name.upper(),
        license="-",
        language="en",
        domain="-",
        tasks=[*tasks],
        reader={"name": "columns"},
        labels=labels,
        **more,
    )


def records(labels=tuple(KINDS), count=150):
    """Records with one mention each, drawn from KINDS, the same every time."""
    draw = random.Random(7)
    rows = []
    for n in range(count):
        label = labels[n % len(labels)]
        string = draw.choice(KINDS[label][0])
        words = KINDS[TWINS[label] if draw.random() < 0.3 else label][1]
        text = f"It is known that {words} {string} at last"
        start = text.index(string)
        rows.append(Record(text, f"f:{n}", [Mention(string, start, start + len(string), label)]))
    return rows


def lay(folder, rows, name="toy", split="train", per_shard=10**6, language="en"):
    ids = [f"{name}/{split}/{n}" for n in range(len(rows))]
    for number, at in enumerate(range(0, max(len(rows), 1), per_shard)):
        part = slice(at, at + per_shard)
        rows_table = to_table(rows[part], ids[part], dataset=name, split=split, language=language)
        shards.write(rows_table, folder / name / f"{split}-{number:05d}.parquet")
    return folder


def built(tmp_path, own=None, *, rows=None, settings=None, out="out", **more):
    clean = lay(tmp_path / "clean", records() if rows is None else rows)
    own = dataset() if own is None else own
    return made([own], clean, None, settings or Negatives(), tmp_path / out, **more), tmp_path / out


def made(datasets, clean, dedupe, settings, out, **more):
    """Run the stage and gather its dictionaries in `out`; what is worth a look of each."""
    negatives(datasets, clean, dedupe, settings, out / "stage", **more)
    names = [d.id for d in datasets]
    interchange.gather(names, out / "stage", out)
    told = {name: shards.read_json(out / "stage" / name / "account.json") for name in names}
    tasks = [counts for own in told.values() for counts in own["tasks"].values()]
    imported = [{"imported": counts["imported"]} for counts in tasks if "imported" in counts]
    return {"datasets": told, **(imported[0] if imported else {})}


def bytes_of(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*.json")}


def test_labels_near_in_meaning_come_first(tmp_path):
    _, out = built(tmp_path)
    found = dictionary_of(out / "hard_negatives" / "toy.json")["NER"]

    assert [*KINDS] == [*found]
    assert found["actor"][0] == "director"
    assert found["director"][0] == "actor"
    assert found["company"][0] == "supplier company"
    assert "year" not in found["actor"][:1]


def test_file_holds_scores_and_what_each_signal_gave(tmp_path):
    _, out = built(tmp_path)
    content = shards.read_json(out / "hard_negatives" / "toy.json")
    entry = content["tasks"]["NER"]["actor"][0]

    assert tuple(content[k] for k in ("dataset", "source", "encoder", "split")) == (
        "toy",
        "TOY",
        "corpus",
        "train",
    )
    assert {"label", "score", "signals"} == {*entry}
    assert abs(sum(entry["signals"].values()) - entry["score"]) < 0.05
    assert {"name", "mentions", "contexts", "confused_alike", "confusions"} < {*entry["signals"]}


def test_merged_file_is_in_the_form_of_the_field(tmp_path):
    _, out = built(tmp_path)
    merged = shards.read_json(out / "hard_negatives.json")

    assert merged["NER"]["TOY"] == dictionary_of(out / "hard_negatives" / "toy.json")["NER"]
    assert read(out / "hard_negatives") == merged == read(out / "hard_negatives.json")


def test_number_of_shards_and_other_datasets_change_nothing(tmp_path):
    _, out = built(tmp_path)
    clean = lay(tmp_path / "many", records(), per_shard=17)
    lay(clean, records(("actor", "year")), name="other")
    both = [dataset("other", ("actor", "year")), dataset()]
    made(both, clean, None, Negatives(), tmp_path / "again")
    path = "hard_negatives/toy.json"

    assert (out / path).read_bytes() == (tmp_path / "again" / path).read_bytes()


@pytest.mark.parametrize(
    "variables",
    [
        {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "1", "OPENBLAS_CORETYPE": "Nehalem"},
        {"OMP_NUM_THREADS": "4", "PYTHONHASHSEED": "2", "OPENBLAS_CORETYPE": "Haswell"},
        {"OPENBLAS_NUM_THREADS": "3", "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3"},
    ],
)
def test_bytes_do_not_depend_on_the_machine(tmp_path, monkeypatch, variables):
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, '.');"
        "from tests.negatives.test_negatives import *;"
        "at = Path(sys.argv[1]);"
    )
    for exact in (1024, 4):
        for module in (evidence, fusion, confusability):
            monkeypatch.setattr(module, "EXACT", exact)
        built(tmp_path / str(exact))
        code += (
            f"evidence.EXACT = fusion.EXACT = confusability.EXACT = {exact};"
            f"own = at / '{exact}';"
            "made([dataset()], own / 'clean', None, Negatives(), own / 'again');"
        )
    environment = {**os.environ, **variables}
    command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)]
    subprocess.run(command, check=True, env=environment)

    for exact in ("1024", "4"):
        assert bytes_of(tmp_path / exact / "out") == bytes_of(tmp_path / exact / "again")


def test_evidence_comes_from_the_first_split_that_has_any(tmp_path):
    clean = lay(tmp_path / "clean", [Record("nothing here", "f:1")])
    lay(clean, records(), split="dev")
    summary = made([dataset()], clean, None, Negatives(), tmp_path / "out")

    assert summary["datasets"]["toy"]["split"] == "dev"


def test_dropped_records_are_not_evidence(tmp_path):
    clean = lay(tmp_path / "clean", records())
    for _, path in shards.record_shards(clean / "toy"):
        rows = pa.array(range(0, shards.rows(path), 5))  # every actor
        reasons = pa.array(["duplicate"] * len(rows))
        tags = kept.with_drops(shards.read(path, kept.TAGS.names), rows, reasons, reasons)
        shards.write(tags, tmp_path / "dedupe" / path.name)
    (evidence,) = gather(dataset(), ["NER"], clean / "toy", tmp_path / "dedupe", 20)

    assert [len(own) for own in evidence.examples] == [0, 20, 20, 20, 20]


def test_sample_is_capped_and_the_same_for_any_shards(tmp_path):
    one = lay(tmp_path / "one", records())
    many = lay(tmp_path / "many", records(), per_shard=7)
    found = [gather(dataset(), ["NER"], folder / "toy", None, 5)[0] for folder in (one, many)]

    assert [len(own) for own in found[0].examples] == [5] * 5
    assert found[0].examples == found[1].examples


@pytest.mark.parametrize("count", [1, 2, 3])
def test_small_inventories(tmp_path, count):
    labels = tuple(KINDS)[:count]
    summary, out = built(tmp_path, dataset(labels=labels), rows=records(labels))
    found = dictionary_of(out / "hard_negatives" / "toy.json")["NER"]

    assert [*labels] == [*found]
    if count == 1:
        assert found == {"actor": []}
        assert summary["datasets"]["toy"]["tasks"]["NER"]["without_neighbors"] == ["actor"]
    else:
        assert found["actor"][:1] == ["director"]


def test_without_any_record_the_names_decide(tmp_path):
    summary, out = built(tmp_path, rows=[])
    found = dictionary_of(out / "hard_negatives" / "toy.json")["NER"]

    assert found["company"][0] == "supplier company"
    assert summary["datasets"]["toy"]["split"] is None
    assert [*KINDS] == summary["datasets"]["toy"]["tasks"]["NER"]["without_examples"]


def test_hundreds_of_labels(tmp_path):
    labels = tuple(f"{a} {b}" for a in ("red", "green", "blue") for b in range(60))
    _, out = built(tmp_path, dataset(labels=labels), rows=[], settings=Negatives(top_k=3))
    found = dictionary_of(out / "hard_negatives" / "toy.json")["NER"]

    assert {3} == {len(near) for near in found.values()}
    assert all("red" in near or " 7" in near for near in found["red 7"])


def many(count):
    """Families of four labels that share their strings, and records of all of them."""
    draw = random.Random(11)
    rows, labels = [], []
    for n in range(count):
        family = random.Random(n // 4)
        names = ["".join(family.choices("abcdeilmnorstu", k=6)) for _ in range(6)]
        labels.append(f"{names[0]} of {''.join(draw.choices('abcdeilmnorstu', k=5))}")
        for _ in range(6):
            string = f"{draw.choice(names)} {draw.choice(names)}"
            text = f"they saw {draw.choice(names)} {string} in it"
            start = text.index(string)
            mention = Mention(string, start, start + len(string), labels[-1])
            rows.append(Record(text, f"f:{n}", [mention]))
    return labels, rows


def test_a_large_inventory_is_ranked_like_a_small_one(tmp_path, monkeypatch):
    labels, rows = many(240)
    own = dataset(labels=labels)
    told, exact = built(tmp_path, own, rows=rows, settings=Negatives(top_k=3))
    for module in (evidence, fusion, confusability):
        monkeypatch.setattr(module, "EXACT", 120)
    like, other = built(tmp_path, own, rows=rows, settings=Negatives(top_k=3), out="other")
    near, again = (dictionary_of(o / "hard_negatives" / "toy.json")["NER"] for o in (exact, other))

    links = [{(x, y) for x, own in found.items() for y in own} for found in (near, again)]
    assert len(links[0] & links[1]) > 0.9 * len(links[0])
    told, like = (t["datasets"]["toy"]["tasks"]["NER"] for t in (told, like))
    assert like["neighbors"] == told["neighbors"]
    scores = [
        shards.read_json(o / "hard_negatives" / "toy.json")["tasks"]["NER"] for o in (exact, other)
    ]
    pairs = [{(x, n["label"]): n["score"] for x in found for n in found[x]} for found in scores]
    both = pairs[0].keys() & pairs[1].keys()
    assert np.mean([abs(pairs[0][p] / pairs[1][p] - 1) for p in both]) < 0.1


def test_a_large_inventory_keeps_few_pairs_and_links_both_ways(tmp_path, monkeypatch):
    labels, rows = many(240)
    for module in (evidence, fusion, confusability):
        monkeypatch.setattr(module, "EXACT", 120)
    clean = lay(tmp_path / "clean", rows)
    (known,) = gather(dataset(labels=labels), ["NER"], clean / "toy", None, 200)
    found = fused(known, CorpusEncoder(known.texts()), Negatives())

    most = evidence.links_kept(240)
    assert len(labels) * most <= len(found.first) <= 4 * len(labels) * most < len(labels) ** 2
    assert {*zip(found.first, found.second, strict=True)} == {
        *zip(found.second, found.first, strict=True)
    }
    assert confusability.confusions(known, 0, soft=True).nnz <= len(labels) * most


def test_a_large_inventory_reads_a_bounded_number_of_annotations(tmp_path, monkeypatch):
    labels, rows = many(240)
    monkeypatch.setattr(evidence, "EXACT", 120)
    monkeypatch.setattr(evidence, "_MOST", 480)
    clean = lay(tmp_path / "clean", rows)
    (known,) = gather(dataset(labels=labels), ["NER"], clean / "toy", None, 200)

    assert {2} == {len(own) for own in known.examples}


def typed():
    rows = []
    for n in range(40):
        head, tail = PEOPLE[n % 6], FIRMS[n % 5]
        text = f"{head} {'founded' if n % 2 else 'works for'} {tail} ."
        mentions = [
            Mention(head, 0, len(head), "person"),
            Mention(tail, text.index(tail), text.index(tail) + len(tail), "firm"),
        ]
        rows.append(Record(text, "f", mentions, [Relation("founder" if n % 2 else "staff", 0, 1)]))
    return rows


def test_relations_typed_relations_and_attributes(tmp_path):
    own = dataset(
        tasks=("RE", "SPO", "KG"),
        labels=Labels(entity=["person", "firm"], relation=["founder", "staff"]),
        signatures={"founder": [("person", "firm")], "staff": [("person", "firm")]},
    )
    _, out = built(tmp_path, own, rows=typed())
    path = out / "hard_negatives" / "toy.json"

    assert dictionary_of(path)["RE"] == {"founder": ["staff"], "staff": ["founder"]}
    assert [*dictionary_of(path)["SPO"]] == ["person_founder_firm", "person_staff_firm"]
    assert dictionary_of(path)["KG"] == {"person": []}


def test_event_tasks_share_one_dictionary(tmp_path):
    rows = []
    for n in range(30):
        trigger = ("bought", "sold", "fell")[n % 3]
        text = f"Velmora {trigger} today"
        mentions = [Mention("Velmora", 0, 7), Mention(trigger, 8, 8 + len(trigger))]
        arguments = (Argument("party", 0),)
        rows.append(Record(text, "f", mentions, [], [Event(trigger, 1, arguments)]))
    own = dataset(
        tasks=("EE", "EET", "EEA"),
        labels=Labels(event=["bought", "sold", "fell"], role=["party", "price"]),
        roles={"bought": ["party", "price"], "sold": ["party", "price"], "fell": ["party"]},
    )
    _, out = built(tmp_path, own, rows=rows)
    content = shards.read_json(out / "hard_negatives" / "toy.json")

    assert [*content["tasks"]] == ["EE"]
    assert content["tasks"]["EE"]["bought"][0]["label"] == "sold"


def test_top_k_and_min_similarity_cut_the_list(tmp_path):
    _, wide = built(tmp_path, settings=Negatives(top_k=99, min_similarity=-99), out="wide")
    _, few = built(tmp_path, settings=Negatives(top_k=1), out="few")
    summary, none = built(tmp_path, settings=Negatives(min_similarity=99), out="none")
    path = "hard_negatives/toy.json"

    assert {4} == {len(n) for n in dictionary_of(wide / path)["NER"].values()}
    assert {1} >= {len(n) for n in dictionary_of(few / path)["NER"].values()}
    assert {0} == {len(n) for n in dictionary_of(none / path)["NER"].values()}
    assert [*KINDS] == summary["datasets"]["toy"]["tasks"]["NER"]["without_neighbors"]


def test_symmetric_links_go_both_ways(tmp_path):
    _, out = built(tmp_path, settings=Negatives(top_k=1, min_similarity=-99, symmetric=True))
    found = dictionary_of(out / "hard_negatives" / "toy.json")["NER"]

    assert all(label in found[other] for label, near in found.items() for other in near)


def test_unknown_signal_is_an_error(tmp_path):
    with pytest.raises(DeclarationError, match="no signal 'taste'"):
        built(tmp_path, settings=Negatives(weights={"taste": 1.0}))


def test_a_new_signal_is_one_function(tmp_path, monkeypatch):
    def length(evidence):
        lengths = [len(label) for label in evidence.labels]
        return signals.Pairs(-np.abs(np.subtract.outer(lengths, lengths)).astype(float))

    monkeypatch.setitem(signals.SIGNALS, "length", length)
    weights = {**dict.fromkeys(Negatives().weights, 0.0), "length": 1.0}
    _, out = built(tmp_path, settings=Negatives(weights=weights, shared_neighbors=0))
    found = dictionary_of(out / "hard_negatives" / "toy.json")["NER"]

    assert found["actor"][0] == "year"


OVERRIDE = """
[[link]]
dataset = "wnut2017"
task = "NER"
label = "{label}"
add = ["year"]
remove = ["director"]
reason = "{reason}"
"""


def overridden(tmp_path, label="actor", reason="it is so"):
    path = tmp_path / "overrides.toml"
    path.write_text(OVERRIDE.format(label=label, reason=reason), encoding="utf-8")
    clean = lay(tmp_path / "clean", records(), name="wnut2017")
    own = dataset("wnut2017")
    made([own], clean, None, Negatives(), tmp_path / "out", overrides=path)
    return shards.read_json(tmp_path / "out" / "hard_negatives" / "wnut2017.json")["tasks"]["NER"]


def test_overrides_add_and_remove_with_their_reason(tmp_path):
    near = overridden(tmp_path)["actor"]

    assert (near[0]["label"], near[0]["reason"]) == ("year", "it is so")
    assert "director" not in [n["label"] for n in near]


def test_overrides_must_name_labels_and_give_reasons(tmp_path):
    with pytest.raises(DeclarationError, match="has no label 'acter'"):
        overridden(tmp_path, label="acter")
    with pytest.raises(DeclarationError, match="no reason"):
        overridden(tmp_path, reason=" ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            OVERRIDE.format(label="a", reason="b").replace("wnut2017", "wnut2018"),
            "no dataset 'wnut2018'",
        ),
        ("[[link]", "line 1"),
        ("[[link]]\nlabel = 1", "must be text"),
        (None, "cannot read"),
    ],
)
def test_overrides_that_cannot_be_read_are_told(tmp_path, text, words):
    from pipeline.negatives.overrides import Overrides

    path = tmp_path / "overrides.toml"
    if text is not None:
        path.write_text(text, encoding="utf-8")

    with pytest.raises(DeclarationError, match=words) as caught:
        Overrides.read(path)
    assert caught.value.where == path


def test_overrides_of_other_tasks_change_nothing():
    from pipeline.negatives.overrides import Link, Overrides

    link = Link("toy", "RE", "actor", "so it is", add=["year"])
    near = {"actor": [], "year": []}

    assert Overrides([link]).applied(dataset(), "NER", near) == near
    assert Overrides([link]).applied(dataset(), "RE", near)["actor"][0]["label"] == "year"


def test_one_of_our_own_files_is_a_dictionary_too(tmp_path):
    _, out = built(tmp_path)

    assert read(out / "hard_negatives" / "toy.json") == read(out / "hard_negatives.json")


def test_mentions_that_stand_nowhere_are_evidence_of_their_text(tmp_path):
    rows = [*records(), Record("It is unsaid who", "f:x", [Mention("Nobody", None, None, "actor")])]
    summary, _ = built(tmp_path, rows=rows)

    told = summary["datasets"]["toy"]["tasks"]["NER"]
    assert told["labels"] == len(KINDS)


def test_a_model_of_sentence_transformers_is_the_encoder(tmp_path):
    texts = [*KINDS, *(r.text for r in records())]
    save_model(texts, tmp_path / "model")

    ours, out = built(tmp_path)
    theirs, other = built(
        tmp_path, settings=Negatives(encoder=str(tmp_path / "model"), device="cpu"), out="other"
    )

    assert {*ours["datasets"]["toy"]["tasks"]} == {*theirs["datasets"]["toy"]["tasks"]}
    assert bytes_of(out) != bytes_of(other)
    found = dictionary_of(other / "hard_negatives" / "toy.json")["NER"]
    assert {*found} == {*KINDS}
    assert all(near and label not in near for label, near in found.items())


def test_overrides_of_the_project_are_valid(in_project):
    from pipeline.negatives.overrides import Overrides

    Overrides.read(in_project / "dictionaries" / "overrides.toml")


def test_imported_dictionary_takes_the_place_of_ours(tmp_path):
    peer = tmp_path / "peer.json"
    near = {"actor": ["year", "ghost", "actor"], "ghost": ["actor"], "year": []}
    shards.write_json({"NER": {"TOY": near}}, peer)
    summary, out = built(tmp_path, imported=peer)
    found = dictionary_of(out / "hard_negatives" / "toy.json")["NER"]

    assert {label: ["year"] if label == "actor" else [] for label in KINDS} == found
    assert summary["imported"] == {
        "links": 1,
        "dangling_links": 1,
        "unknown_labels": 1,
        "labels_without_entry": 3,
        "datasets_without_entry": [],
    }


def test_our_own_export_can_be_imported(tmp_path):
    _, out = built(tmp_path)
    _, again = built(tmp_path, out="again", imported=out / "hard_negatives.json")

    assert read(out / "hard_negatives.json") == read(again / "hard_negatives.json")


def test_a_file_of_another_form_is_refused(tmp_path):
    shards.write_json({"NER": ["actor"]}, tmp_path / "odd.json")
    with pytest.raises(DeclarationError, match="no dictionary"):
        read(tmp_path / "odd.json")


def test_the_folder_of_dictionaries_of_a_run_is_one():
    assert read(ROOT / "dictionaries") == read(ROOT / "dictionaries" / "hard_negatives")


def test_compare_counts_shared_links(tmp_path):
    for name, near in (("a", ["y", "z"]), ("b", ["z"])):
        content = {"NER": {"T": {"x": near, "y": [], "z": ["x"]}}}
        shards.write_json(content, tmp_path / f"{name}.json")
    (row,) = compare(tmp_path / "a.json", tmp_path / "b.json")

    assert tuple(
        row[k] for k in ("task", "source", "labels", "links_a", "links_b", "links_both")
    ) == ("NER", "T", 3, 3, 2, 2)
    assert (row["overlap"], row["precision"]) == (0.667, 0.5)


def test_neighbors_of_a_label(tmp_path):
    _, out = built(tmp_path)
    rows = neighbors(out / "hard_negatives" / "toy.json", "actor")

    assert (rows[0]["task"], rows[0]["label"]) == ("NER", "director")
    with pytest.raises(PipelineError, match="no label 'ghost'"):
        neighbors(out / "hard_negatives" / "toy.json", "ghost")


def test_halves_share_no_record(tmp_path):
    clean = lay(tmp_path / "clean", records(count=600))
    (evidence,) = gather(dataset(), ["NER"], clean / "toy", None, 200)
    signal, yardstick = (
        confusability.confusions(evidence, half, soft=False)
        for half in (confusability.SIGNAL, confusability.YARDSTICK)
    )

    assert (5, 5) == signal.shape == yardstick.shape
    assert np.allclose(signal.sum(axis=1), 1)
    assert (signal != yardstick).nnz > 0
    assert signal[0, 1] + signal[1, 0] > signal[0, 2] + signal[2, 0]


def test_inner_products_are_nearly_those_of_the_rows():
    draw = np.random.default_rng(3)
    rows = draw.normal(size=(30, 200))
    found = inner_products([Block(rows, rows[:, ::-1], None)])

    assert np.allclose(rows @ rows[:, ::-1].T, found, atol=0.2)


def test_where_all_labels_are_equally_near_none_is_near():
    assert not standardized(np.ones(9), np.ones((6, 6))).any()


def test_standardized_has_mean_zero_and_deviation_one():
    similar = np.random.default_rng(5).normal(3, 9, (6, 6))
    apart = standardized(similar, similar)[~np.eye(6, dtype=bool)]

    assert (round(float(apart.mean()), 4) + 0, round(float(apart.std()), 4)) == (0, 1)


def test_a_signal_without_any_difference_is_left_out(tmp_path):
    clean = lay(tmp_path / "clean", [])
    (evidence,) = gather(dataset(), ["NER"], clean / "toy", None, 30)
    parts = fused(evidence, CorpusEncoder(evidence.texts()), Negatives()).parts

    assert {"name", "shared_neighbors"} == {*parts}
