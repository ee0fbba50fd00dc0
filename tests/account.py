"""The sum check: every record is kept, or dropped once, for a reason, with a partner."""

from collections import Counter

from pipeline import catalog
from pipeline.catalog import raw_files
from pipeline.commands.layout import Workspace
from pipeline.config import Settings
from pipeline.dedupe import tags as kept
from pipeline.execution import shards
from tests.helpers import make

REASONS = {
    *("mostly_non_letters", "mostly_stop_words", "too_short", "text_too_long"),
    *("train_text_in_test", "duplicate", "conflicting_duplicate", "merged_duplicate"),
    "contradicting",
    "near_duplicate",
}


def made(raw, out, names, **settings):
    """Normalize, clean and dedupe some datasets."""
    ws = Workspace(Settings(**settings), raw, out)
    make("normalize", names, ws)
    make("clean", names, ws)
    make("dedupe", names, ws)
    return ws


def present(raw, manifests=None):
    """The datasets that have raw files."""
    found = []
    for name in catalog.ids():
        folder, manifest = raw_files.edition(catalog.load(name), raw, manifests)
        files = [folder / f.path for s in manifest.splits.values() for f in s.files]
        if files and all(path.exists() for path in files):
            found.append(name)
    return found


def check(ws, name):
    """Every row read is accounted for, as far as the kept records. Returns the kept per split."""
    splits = shards.read_json(ws.folders["normalize"] / name / "summary.json")["splits"]
    for own in splits.values():
        parts = own["windows"]
        grown = parts.get("windows", 0) - parts.get("texts", 0)
        assert own["rows"] == own["rejected"] + own["merged_rows"] + own["records"] - grown
    written = [
        identifier
        for _, path in kept.record_shards(ws.folders["normalize"] / name)
        for identifier in shards.read(path, ["id"])["id"].to_pylist()
    ]
    assert len(written) == len({*written}) == sum(own["records"] for own in splits.values())

    clean, folder = ws.folders["clean"] / name, ws.folders["dedupe"] / name
    fates, partners = {}, {}
    for _, path in kept.record_shards(clean):
        own = kept.tagged(path, folder, ["id", "dropped", "drop_partner"])
        columns = [own[column].to_pylist() for column in own.column_names]
        fates.update(zip(*columns[:2], strict=True))
        partners.update((i, p) for i, _, p in zip(*columns, strict=True) if p)
        bare = kept.tagged(path, None, ["id", "dropped"]).to_pylist()
        assert all(fates[row["id"]] == row["dropped"] for row in bare if row["dropped"])
    assert written == [*fates]
    by_reason = Counter(fates.values())
    assert {*by_reason} - {None} <= REASONS
    assert len(written) == by_reason.pop(None, 0) + sum(by_reason.values())
    for identifier, named in partners.items():
        reason = fates[identifier]
        assert reason
        assert named != identifier
        if named.rsplit("/", 2)[0] == name:
            partner = fates[named]
            both_go = reason == "conflicting_duplicate" and partner == reason
            assert partner is None or both_go or reason == "duplicate"
    return Counter(identifier.split("/")[1] for identifier, why in fates.items() if why is None)
