"""Detokenized texts against those that they are from, where IEPILE_RAW has both."""

import os
from pathlib import Path

import pytest

from pipeline import catalog
from pipeline.catalog import raw_files
from pipeline.normalize.detokenize import rewritten
from tests.real.test_real import MANIFESTS, RAW

ABSTRACTS = "bc5cdr/original/CDR.Corpus.v010516"

pytestmark = pytest.mark.skipif(
    RAW is None or not Path(os.environ["IEPILE_RAW"], ABSTRACTS).is_dir(),
    reason="IEPILE_RAW has no folder with the PubTator files of bc5cdr",
)


def test_nearly_all_sentences_of_bc5cdr_are_those_of_their_abstracts():
    dataset = catalog.load("bc5cdr")
    folder, manifest = raw_files.edition(dataset, Path(RAW), MANIFESTS)
    rows = [line for file in sorted(Path(RAW, ABSTRACTS).glob("*.PubTator.txt"))
            for line in file.read_text().split("\n")]  # fmt: skip
    abstracts = "\n".join(row.split("|", 2)[2] for row in rows if row.count("|") > 1)
    places = [n for n, sign in enumerate(abstracts) if not sign.isspace()]
    squeezed = "".join(abstracts[n] for n in places)
    same = known = 0
    for split in manifest.splits.values():
        for record in catalog.reader(dataset)([folder / file.path for file in split.files]):
            bare, new = record.text.replace(" ", ""), rewritten(record.text, "punctuation")[0]
            at = squeezed.find(bare)
            known += at >= 0
            while at >= 0 and abstracts[places[at] : places[at + len(bare) - 1] + 1] != new:
                at = squeezed.find(bare, at + 1)
            same += at >= 0

    assert known == 13_938
    assert same / known >= 0.95
