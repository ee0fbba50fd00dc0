"""The map of labels across datasets: planted synonyms and conflicts are found."""

import msgspec
import pytest

from pipeline.execution import shards
from pipeline.negatives import atlas
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
