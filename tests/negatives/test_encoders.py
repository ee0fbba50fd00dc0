"""Encoders: the corpus encoder's tokens and vectors, and models of sentence-transformers."""

import json
import subprocess
import sys

import numpy as np
import pytest

from pipeline.errors import DeclarationError
from pipeline.negatives.encoders import DIMENSIONS, CorpusEncoder, unit
from tests.helpers import save_model

ENGLISH = ["the place of birth", "the place of death", "players won in 1999"]
CHINESE = ["股东减持股份", "股东增持股份", "股东减持", "公司上市"]


def test_words_are_tokens_and_signs_stand_alone():
    encoder = CorpusEncoder(ENGLISH)

    assert encoder.tokens("Place of birth, 1999") == ["place", "of", "birth", ",", "1999"]


def test_chinese_is_parted_into_its_longest_frequent_pieces():
    encoder = CorpusEncoder(CHINESE)

    assert encoder.tokens("股东增持A1") == ["股东", "增", "持", "a1"]


def test_labels_that_share_words_are_nearer_than_others():
    encoder = CorpusEncoder(ENGLISH)
    rows = encoder.embed([["place of birth"], ["place of death"], ["film director"]])

    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.1


def test_rows_have_length_one_and_empty_bags_are_zero():
    rows = CorpusEncoder(CHINESE).embed([["股东减持"], [], [""]])

    assert rows.shape == (3, DIMENSIONS)
    assert np.round((rows**2).sum(axis=1), 9).tolist() == [1.0, 0.0, 0.0]


def test_unit_leaves_zero_rows():
    assert unit(np.array([[3, 4], [0, 0]])).tolist() == [[0.6, 0.8], [0, 0]]


def test_order_of_the_texts_does_not_matter():
    one, other = CorpusEncoder(CHINESE), CorpusEncoder(CHINESE[::-1])

    assert (one.embed([CHINESE]) != other.embed([CHINESE])).nnz == 0
    assert one.tokens(CHINESE[0]) == other.tokens(CHINESE[0])


def test_default_path_imports_nothing_heavy(tmp_path):
    code = (
        "import sys; from pathlib import Path; from tests.negatives.test_negatives import built;"
        "built(Path(sys.argv[1])); print(*sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)

    assert not {"torch", "sentence_transformers", "sklearn", "faiss"} & {*told.stdout.split()}


def test_a_model_of_sentence_transformers_embeds(tmp_path):
    pytest.importorskip("sentence_transformers")
    from pipeline.negatives.encoders import SentenceEncoder

    save_model(ENGLISH, tmp_path / "model")
    encoder = SentenceEncoder(str(tmp_path / "model"), device="cpu")
    rows = encoder.embed([["place of birth"], ["place of death"], ["won"], []])

    assert rows[0] @ rows[1] > rows[0] @ rows[2]
    assert rows[3].any() == 0
    assert encoder.embed([[], []]).any() == 0


def test_a_model_that_brings_code_is_refused(tmp_path):
    pytest.importorskip("sentence_transformers")
    from pipeline.negatives.encoders import SentenceEncoder

    (tmp_path / "modules.json").write_text(
        json.dumps([{"idx": 0, "name": "0", "path": "", "type": "evil.Module"}])
    )
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")

    with pytest.raises(DeclarationError, match="cannot load the encoder"):
        SentenceEncoder(str(tmp_path), device="cpu")

    assert not (tmp_path / "ran").exists()
