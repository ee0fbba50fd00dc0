"""Labels have two names: a readable one and the one that IEPile prints."""

import re
from pathlib import Path

import pytest

from pipeline import catalog, tasks
from pipeline.catalog import renamed
from pipeline.errors import DeclarationError
from pipeline.negatives.interchange import imported
from tests.helpers import declared

IDS = catalog.ids()
KINDS = ("entity", "relation", "event", "role")
#: Qualifiers, which no task asks.
SLOTS = {"inWork", "inArea", "onDate", "period"}


@pytest.mark.parametrize("name", IDS)
def test_readable_names_follow_one_style(name):
    dataset = catalog.load(name)
    strange = r"[_/]|\w\.\w|[a-z][A-Z]|^[A-Z][a-z]" if dataset.language == "en" else r"_|[a-z]{2}"
    names = {n for kind in KINDS for n in dataset.labels_of(kind)} - SLOTS

    assert [n for n in sorted(names) if re.search(strange, n)] == []


@pytest.mark.parametrize("name", IDS)
def test_renaming_twice_changes_nothing_and_keeps_the_order(name):
    dataset = catalog.load(name)
    published = renamed(dataset)

    for task in dataset.tasks:
        assert len(tasks.inventory(published, task)) == len(tasks.inventory(dataset, task))
        assert tasks.inventory(renamed(published), task) == tasks.inventory(dataset, task)
    assert renamed(published).descriptions.keys() == dataset.descriptions.keys()
    for kind in KINDS:
        assert [*published.names(kind)] == [*dataset.names(kind)]


def test_a_dataset_is_loaded_under_either_names():
    readable = catalog.load("conll04")
    published = catalog.load("conll04", names="published")

    assert readable.labels_of("relation")[0] == "killed"
    assert published.labels_of("relation")[0] == "Kill"
    assert published.descriptions["Kill"] == readable.descriptions["killed"]
    assert published.aliases["Live_In"] == readable.aliases["lives in or comes from"]
    # One name of two kinds: each finds its own, and a text that neither lacks.
    rams = catalog.load("rams", names="published")
    assert "artifact" in rams.labels_of("event")
    assert "artifact" in rams.labels_of("role")
    assert rams.descriptions["artifact"]


def test_a_dictionary_may_use_either_names():
    readable = declared(entity=["person", "place name"], published={"entity": {"person": "PER"}})
    file = {"NER": {"toy": {"PER": ["place name"], "place name": ["PER"]}}}
    near, counts = imported(file, readable, "NER", ["person", "place name"])

    assert near == {
        "person": [{"label": "place name", "score": None, "signals": {}}],
        "place name": [{"label": "person", "score": None, "signals": {}}],
    }
    assert counts["dangling_links"] == 0
    ours = {"NER": {"toy": {"person": ["place name"], "place name": ["person"]}}}
    near, _ = imported(ours, renamed(readable), "NER", ["PER", "place name"])
    assert [n["label"] for n in near["place name"]] == ["PER"]


@pytest.mark.parametrize(
    ("published", "said"),
    [('person = "PER"', None), ('persn = "PER"', "no entity"), ('person = "place"', "several")],
)
def test_published_names_are_checked(tmp_path, published, said):
    text = Path(catalog.file_of("conll2003")).read_text()
    head, _, rest = text.partition("[splits.train]")
    head = re.sub(r"(?s)\[published.*", "", head)
    labels = '[labels.entity]\nA = "person"\nB = "place"\n'
    head = re.sub(r"(?s)\[labels\.entity\].*?(?=\n\[|\Z)", labels, head)
    rest = re.split(r"(?m)^\[published|^# What (the source|each)", rest)[0]
    (tmp_path / "toy.toml").write_text(
        f"{head}\n[splits.train]{rest}\n[published.entity]\n{published}\n"
    )
    if said is None:
        assert catalog.load("toy", tmp_path, names="published").labels_of("entity") == [
            "PER",
            "place",
        ]
    else:
        with pytest.raises(DeclarationError, match=said):
            catalog.load("toy", tmp_path)
