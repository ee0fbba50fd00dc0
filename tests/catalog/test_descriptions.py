"""What the catalog says about its labels: all are described, in words that stand alone."""

import re

import pytest

from pipeline import catalog

IDS = catalog.ids()
#: Language -> shortest and longest text, in characters.
LENGTHS = {"en": (20, 300), "zh": (8, 120)}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def asked(dataset):
    """The names that instructions show: labels, and the types and roles that go with them."""
    tasks = {*dataset.tasks}
    names = []
    if "NER" in tasks:
        names += dataset.labels_of("entity")
    if tasks & {"RE", "SPO", "KG"}:
        names += dataset.labels_of("relation")
    if tasks & {"SPO", "KG"}:
        names += [name for head, _, tail in dataset.signatures_of() for name in (head, tail)]
    if tasks & {"EE", "EET", "EEA"}:
        names += dataset.labels_of("event")
    if tasks & {"EE", "EEA"}:
        names += [role for roles in dataset.roles_of().values() for role in roles]
    return [*dict.fromkeys(names)]


def texts(dataset):
    """(label, text) of every description and paraphrase."""
    yield from dataset.descriptions.items()
    for label, others in dataset.paraphrases.items():
        yield from ((label, text) for text in others)


def words(text):
    """The words of a text in lower case; of Chinese the characters."""
    return re.findall(r"[\u4e00-\u9fff]|[a-z0-9]+", text.lower())


def names_label(text, label, alone):
    """Whether a text names a label: in quotes, or as a phrase that hardly is there by chance.

    A single word counts where nothing but entities is asked (`alone`). Elsewhere it may be the
    plain word for the thing at one end of a relation, such as "person".
    """
    if re.search(rf'["“‘「]{re.escape(label)}["”’」]', text):
        return True
    if CHINESE.search(label):
        return label in text and (alone or len(label) >= 4)
    phrase = re.sub(r"[_.]", " ", label.lower())
    by_chance = not alone and " " not in phrase
    return not by_chance and re.search(rf"\b{re.escape(phrase)}\b", text.lower()) is not None


@pytest.mark.parametrize("name", IDS)
def test_every_label_that_is_asked_is_described(name):
    dataset = catalog.load(name)

    assert [*dataset.descriptions] == asked(dataset)


@pytest.mark.parametrize("name", IDS)
def test_descriptions_are_short_and_in_the_language_of_the_dataset(name):
    dataset = catalog.load(name)
    low, high = LENGTHS[dataset.language]

    for label, text in texts(dataset):
        assert low <= len(text) <= high, (label, text)
        assert bool(CHINESE.search(text)) == (dataset.language == "zh"), (label, text)
        assert text[0].isalnum(), (label, text)
        assert text[-1] in ".。", (label, text)
        assert text == " ".join(text.split()), (label, text)


@pytest.mark.parametrize("name", IDS)
def test_descriptions_say_more_than_the_name(name):
    dataset = catalog.load(name)

    for label, text in texts(dataset):
        assert len({*words(text)} - {*words(label)}) >= 4, (label, text)


@pytest.mark.parametrize("name", IDS)
def test_no_two_labels_of_a_dataset_have_the_same_text(name):
    found = [text for _, text in texts(catalog.load(name))]

    assert len({*found}) == len(found)


@pytest.mark.parametrize("name", IDS)
def test_descriptions_name_no_other_label(name):
    dataset = catalog.load(name)
    alone = dataset.tasks == ["NER"]
    named = [
        (label, other, text)
        for label, text in texts(dataset)
        for other in asked(dataset)
        if other not in label and names_label(text, other, alone)
    ]

    assert named == []


def test_frequent_labels_have_two_paraphrases():
    counts = [len(others) for name in IDS for others in catalog.load(name).paraphrases.values()]

    assert {*counts} == {2}
    assert len(counts) >= 200
