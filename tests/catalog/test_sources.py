"""Where the files of the catalog come from, what verifies them, and under which licenses."""

import re
from collections import Counter

import msgspec
import pytest

from pipeline import catalog
from pipeline.errors import DeclarationError
from pipeline.publish import card
from tests.catalog.test_catalog import GOOD, declare

DATASETS = {name: catalog.load(name) for name in catalog.ids()}
#: Open datasets that no program can fetch -> why.
BY_HAND = {
    "fabner": "figshare names no files of it that were seen",
    "findvehicle": "Baidu Cloud Disk and Google Drive only",
}
#: The SPDX ids in use, of https://spdx.org/licenses.
SPDX = {
    *("MIT", "NCBI-PD", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0"),
    *("CC-BY-NC-SA-4.0",),
}


def files(dataset):
    return [file for split in dataset.splits.values() for file in split.files]


def test_every_file_of_an_open_dataset_has_an_address_and_is_verified():
    open_ones = {name: d for name, d in DATASETS.items() if d.access == "open"}
    lacking = {
        name
        for name, dataset in open_ones.items()
        if not all(file.addresses and file.verified_by for file in files(dataset))
    }
    ways = Counter(f.verified_by for name in {*open_ones} - lacking for f in files(open_ones[name]))

    assert lacking == {*BY_HAND}
    assert all("--edition iepile" in DATASETS[name].access_note for name in BY_HAND)
    assert len(open_ones) == 47
    assert ways == {"sha256": 95, "git": 11, "archive": 2, "revision": 2}


def test_the_version_of_the_data_is_declared_or_stands_in_its_addresses():
    versions = {name: d.version_of_data for name, d in DATASETS.items()}

    assert versions["anatem-brat"] == "openbiocorpora/anatem at commit a0209b9d37"
    assert versions["mit-restaurant"].count(" at commit ") == 2
    assert versions["conll2003"] == ""
    assert len([version for version in versions.values() if version]) == 48
    dated = msgspec.structs.replace(DATASETS["wnut2017"], version="of 2017-08-01")
    assert dated.version_of_data == "of 2017-08-01"


def test_what_has_an_address_elsewhere_is_verified_as_well():
    unverified = [
        f.path for d in DATASETS.values() for f in files(d) if f.addresses and not f.verified_by
    ]

    assert unverified == []


def test_addresses_of_repositories_name_a_commit():
    hosts = ("raw.githubusercontent.com", "huggingface.co", "github.com")
    addresses = [a for d in DATASETS.values() for f in files(d) for a in f.addresses]
    of_repositories = [a for a in addresses if a.split("/")[2] in hosts]

    assert len(of_repositories) > 100
    assert [a for a in of_repositories if not re.search(r"/[0-9a-f]{40}[./]", a)] == []


@pytest.mark.parametrize("name", DATASETS)
def test_a_license_is_an_expression_of_spdx_or_said_to_be_unstated(name):
    dataset = DATASETS[name]
    parts = dataset.license.split(" AND ")

    assert parts == ["unstated"] or all(p in SPDX or p.startswith("LicenseRef-") for p in parts)
    if parts != ["unstated"]:
        assert dataset.license_url.startswith(("https://", "http://"))
    asked = {*dataset.restrictions}
    assert ("share-alike" in asked) == ("-SA-" in dataset.license)
    assert ("non-commercial" in asked) >= ("-NC-" in dataset.license)
    assert ("agreement" in asked) <= (dataset.access == "licensed")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("domain", 'restrictions = ["free"]\ndomain'), "'free' is none of "),
        (("[labels", "[splits.dev]\nfiles = [{path='a', sha256='0'}]\n[labels"), "must match"),
        (("[labels", "[splits.dev]\nfiles = [{path='a', git='ABC'}]\n[labels"), "must match"),
        (
            ("[labels", "[splits.dev]\nfiles = [{path='a', url=['ftp://a/b']}]\n[labels"),
            "url[0]: it is no address on the web",
        ),
    ],
)
def test_what_no_license_or_file_can_be(change, words, tmp_path):
    with pytest.raises(DeclarationError) as caught:
        declare(tmp_path, GOOD.replace(*change, 1))

    assert words in str(caught.value)


def test_the_card_says_what_a_mix_may_be_used_for():
    free = [DATASETS["wnut2017"], DATASETS["phee"]]
    assert card._terms(free) == ["No source asks for more than to be named."]

    mixed = card._terms([*free, DATASETS["multinerd-en"], DATASETS["genia2011"], DATASETS["casie"]])
    assert "- not for commercial use: MultiNERD, GENIA11" in mixed
    assert "- for research alone: GENIA11" in mixed
    assert "- no license is stated, so ask the authors: CASIE" in mixed
    assert not any("passed on:" in line for line in mixed)
