"""The map of labels across datasets: planted synonyms and conflicts are found."""

import msgspec
import pytest

from pipeline.errors import DeclarationError
from pipeline.execution import shards
from pipeline.negatives import atlas
from pipeline.negatives.overrides import Overrides, Pair
from tests.helpers import declared, table

#: Dataset -> label -> (guideline, strings that it marks).
PEOPLE = ["Ada Finn", "Bo Reyes", "Cleo Varga", "Dana Holt", "Emil Norr", "Fay Quist"]
TOWNS = ["Tarn", "Ulm", "Vigo", "Wexford", "Ystad", "Zadar"]
SHIPS = ["Albatross", "Borealis", "Corsair", "Dauntless", "Endeavour", "Fearless"]
SETS = {
    "one": {
        "person": ("The name of a human being.", PEOPLE),
        "place": ("The name of a town or a country.", TOWNS),
        "vessel": ("A ship of the sea, by its name.", SHIPS),
    },
    "two": {
        "human": ("A human being who is named.", PEOPLE),
        "location": ("A country or a town, by name.", TOWNS),
        "place": ("A rank in a race, such as third.", ["third", "second", "last", "fifth"]),
    },
}


def written(tmp_path, name, labels):
    """A dataset whose texts hold every string of all sets, and its labels as they are mapped."""
    strings = [s for own in SETS.values() for _, many in own.values() for s in many]
    marked = {s: label for label, (_, many) in labels.items() for s in many}
    texts = [(f"they saw {s} at noon", [(s, marked[s])] if s in marked else []) for s in strings]
    dataset = declared(
        name, entity=[*labels], descriptions={label: text for label, (text, _) in labels.items()}
    )
    shards.write(table(*texts, dataset=name), tmp_path / name / "train-00000.parquet")
    return atlas.gathered(dataset, tmp_path / name, None)


@pytest.fixture
def found(tmp_path):
    return {name: written(tmp_path, name, own) for name, own in SETS.items()}


def test_planted_synonyms_and_conflicts_are_found_and_nothing_else(found):
    result = atlas.compared(found)

    assert {(pair["a"][1], pair["b"][1]) for pair in result["same"]} == {
        ("person", "human"),
        ("place", "location"),
    }
    (conflict,) = result["conflicts"]
    assert (conflict["a"], conflict["b"]) == (["one", "place"], ["two", "place"])
    assert conflict["left"] == 1.0
    # Every string stands in two texts. The towns of one are locations in two; the ranks of two
    # are nothing in one.
    assert conflict["left_by_b"][0] == ["Tarn", "location", 2]
    assert {how for _, how, _ in conflict["left_by_a"]} == {"left"}


def test_a_name_that_a_dataset_itself_often_leaves_is_no_conflict(tmp_path):
    """Half of the places are left in both: such words are not always marked."""
    words = [f"Thing{n}" for n in range(20)]
    found = {}
    for name in ("one", "two"):
        rows = [
            (f"they saw {w} at noon", [(w, "thing")] if n % 2 else []) for n, w in enumerate(words)
        ]
        rows += [
            (f"and {w} was there", [(w, "thing")] if n % 4 == 0 else [])
            for n, w in enumerate(words)
        ]
        own = declared(name, entity=["thing"], descriptions={"thing": "Some thing that is seen."})
        shards.write(table(*rows, dataset=name), tmp_path / name / "train-00000.parquet")
        found[name] = atlas.gathered(own, tmp_path / name, None)

    assert atlas.compared(found)["conflicts"] == []


def test_unlike_guidelines_and_strings_are_a_conflict_unless_both_mark_the_same(tmp_path):
    sets = {
        "one": {"light": ("A lamp or another source of brightness.", PEOPLE)},
        "two": {"light": ("Whether a dish is easy to digest.", SHIPS)},
    }

    def found(texts):
        for name, own in sets.items():
            rows = [(f"they saw {s} at noon", [(s, "light")]) for s in texts[name]]
            dataset = declared(name, entity=["light"], descriptions={"light": own["light"][0]})
            shards.write(table(*rows, dataset=name), tmp_path / name / "train-00000.parquet")
            yield name, atlas.gathered(dataset, tmp_path / name, None)

    (conflict,) = atlas.compared(dict(found({"one": PEOPLE, "two": SHIPS})))["conflicts"]
    assert conflict["left"] == 0
    shared = {"one": PEOPLE + TOWNS[:3], "two": SHIPS + TOWNS[:3]}
    assert atlas.compared(dict(found(shared)))["conflicts"] == []


def test_an_unmarked_string_says_nothing_where_not_all_are_marked(tmp_path):
    found = {name: written(tmp_path, name, own) for name, own in SETS.items()}
    found["one"] = found["one"]._replace(complete=frozenset())

    (conflict,) = atlas.compared(found)["conflicts"]
    assert conflict["left_by_a"] == []
    assert conflict["left_by_b"]


@pytest.mark.parametrize(
    ("verdict", "key", "other"), [("join", "same", "conflicts"), ("part", "conflicts", "same")]
)
def test_a_person_has_the_last_word(found, verdict, key, other):
    labels = (
        (("two", "place"), ("one", "place"))
        if verdict == "join"
        else (("one", "person"), ("two", "human"))
    )
    result = atlas.compared(found, [Pair("NER", labels, verdict, "read by hand")])

    (pair,) = [p for p in result[key] if p.get("reason") == "read by hand"]
    assert {(*pair["a"],), (*pair["b"],)} == {*labels}
    assert not [p for p in result[other] if {(*p["a"],), (*p["b"],)} == {*labels}]


def test_pairs_must_name_labels_and_give_reasons(tmp_path):
    path = tmp_path / "overrides.toml"
    pair = '[[pair]]\ntask = "NER"\nverdict = "join"\n'
    pair += 'labels = [["wnut2017", "{}"], ["conll04", "location"]]\n'
    path.write_text(pair.format("location") + 'reason = "both are places"\n')
    own = declared("wnut2017", entity=["location"])
    Overrides.read(path).check(own, {"NER": ["location"]})

    path.write_text(pair.format("plaice") + 'reason = "both are places"\n')
    with pytest.raises(DeclarationError, match="wnut2017 NER has no label 'plaice'"):
        Overrides.read(path).check(own, {"NER": ["location"]})
    path.write_text(pair.format("location") + 'reason = " "\n')
    with pytest.raises(DeclarationError, match="no reason"):
        Overrides.read(path)


def test_the_map_does_not_depend_on_the_order_of_datasets(found):
    turned = dict(reversed(found.items()))

    assert msgspec.json.encode(atlas.compared(turned)) == msgspec.json.encode(atlas.compared(found))


def test_one_dataset_has_nothing_to_be_compared_with(found):
    assert atlas.compared({"one": found["one"]}) == {"same": [], "conflicts": []}


def test_strings_are_whole_words_and_of_chinese_runs_of_characters():
    def strings(text, language, *wanted):
        return atlas._strings(text, language, atlas._first_units(wanted, language))

    assert strings("in New York.", "en", "in New York", "New York", "York") == {
        *("in", "New", "York", "in New", "New York", "in New York")
    }
    every = {"在", "上", "海", "在上", "上海", "在上海"}
    assert strings("在上海", "zh", "在上海", "上海", "海") == every
    # Only what begins as a wanted string, and is no longer than the longest of these.
    assert strings("in New York.", "en", "New", "Newark") == {"New"}
    assert strings("在上海", "zh", "上午", "(") == {"上", "上海"}
    assert strings("in New York.", "en") == set()
