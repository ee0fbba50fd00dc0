"""The samples of the catalog with no reader named: read as declared, or asked about."""

from collections import Counter

import msgspec
import pytest

from pipeline import catalog, readers
from pipeline.adding import candidates, checking, choosing, fitting, tabular
from pipeline.catalog import raw_files
from pipeline.errors import RawFileError
from tests.conftest import ROOT

SAMPLE = ROOT / "raw" / "sample"
#: So many of them ask what their files do not say; all others must be read.
ASKED = 2


def places(record):
    """What a record annotates, labels apart."""
    spans = [(m.text, m.start) for m in record.mentions]
    relations = Counter((spans[r.head], spans[r.tail]) for r in record.relations)
    events = Counter(
        (None if e.trigger is None else spans[e.trigger], *sorted(map(str, e.arguments)))
        for e in record.events
    )
    return record.text, Counter(spans), relations, len(record.events), sum(events.values())


def first_files(dataset):
    folder, manifest = raw_files.edition(dataset, SAMPLE)
    split = next(iter(manifest.splits.values()))
    return [folder / file.path for file in split.files]


def outcome(dataset, files):
    """What becomes of files whose reader and language nobody names: right, asked or wrong."""
    nameless = msgspec.structs.replace(dataset, labels=catalog.Labels())
    declared = fitting.fit(nameless, files).records
    start = msgspec.structs.replace(nameless, language="en")
    try:
        best = choosing.chosen(choosing.trials(start, {}, files, None), files).best
    except RawFileError:
        return "asked"
    same = [*map(places, declared)] == [*map(places, best.records)]
    return "right" if same and best.dataset.language == dataset.language else "wrong"


def test_samples_are_read_as_declared_or_asked():
    datasets = [catalog.load(name) for name in catalog.ids()]
    outcomes = {dataset.id: outcome(dataset, first_files(dataset)) for dataset in datasets}

    assert [name for name, told in outcomes.items() if told == "wrong"] == []
    assert Counter(outcomes.values())["right"] >= len(datasets) - ASKED


@pytest.mark.parametrize("name", ["casie", "duie1", "wnut2017", "kbp37"])
def test_layouts_that_are_not_tried_would_yield_no_record(name):
    dataset = msgspec.structs.replace(catalog.load(name), labels=catalog.Labels())
    files = first_files(dataset)
    tried = [candidate.reader for candidate in candidates.candidates(files)]
    known = [candidate.reader for candidate in candidates._known()]
    plain = [reader for reader in known if readers.module_of(reader["name"]) == "json_rows"]
    left_out = [reader for reader in plain if reader not in tried]

    assert len(left_out) > 10
    for reader in left_out:
        assert not fitting.fit(msgspec.structs.replace(dataset, reader=reader), files).records


def test_ends_of_pairs_stand_in_the_text_where_a_column_of_texts_is_tried(tmp_path):
    path = tmp_path / "pairs.tsv"
    rows = (
        "Ada met Bo in Rye.\tx1\tAda\tBo\tfriend\ty2",
        "Cy runs Tidal.\tx3\tCy\tTidal\towner\ty4",
    )
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")

    tried = [options["columns"] for options in tabular.pairs([path])]

    assert all(columns[0] == "text" for columns in tried)
    assert any(columns[2:5] == ["head", "tail", "relation"] for columns in tried)
    path.write_text("nothing\tof\tthe\tkind\n", encoding="utf-8")
    assert len([*tabular.pairs([path])]) == 12  # all, where no cell stands in another


def leaves(value, path=()):
    """(names on the way, value) of everything in a row of JSON that is not empty."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path)
    elif value not in (None, ""):
        yield path, value


@pytest.mark.parametrize("name", ["duie1", "duee1", "scierc", "cluener", "findvehicle"])
def test_no_field_of_a_sample_is_passed_over_in_silence(name, tmp_path):
    """A field that is added to every row is named with its count."""
    import orjson

    from pipeline.readers._source import json_rows

    dataset = catalog.load(name)
    (file,) = first_files(dataset)[:1]
    rows = [row for _, row in json_rows(file) if isinstance(row, dict)]
    path = tmp_path / file.name
    path.write_bytes(b"\n".join(orjson.dumps({**row, "extra note": "x"}) for row in rows))

    unread = checking.unread_in(dataset, [path])

    assert unread["extra note"] == len(rows)
