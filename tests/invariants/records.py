"""Records, from normalize to dedupe: offsets, indices, labels, ids, sums, drops, partners."""

from collections import Counter, defaultdict

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dedupe import tags
from pipeline.execution import shards
from pipeline.records import SPLITS, place
from pipeline.tables import RECORDS, REJECTS
from pipeline.tables import flat as lists
from pipeline.text import comparable, normal_form
from tests.invariants.demands import constant, demand, equal, of_schema

#: Why clean drops a record; and dedupe, in favor of a partner.
CLEAN = {
    *("mostly_non_letters", "mostly_stop_words", "too_short", "text_too_long"),
    *("few_words", "wrong_language", "image_markup"),
}
#: Reason -> whether the partner has the same text, but for white space: "exact", or for the marks
#: that tokenizers make, too: "alike".
DEDUPE = {
    **dict.fromkeys(("duplicate", "conflicting_duplicate", "merged_duplicate"), "exact"),
    **dict.fromkeys(("train_text_in_test", "contradicting"), "alike"),
    **dict.fromkeys(("near_duplicate", "test_passage"), ""),
}
_LINKS = (("relation", ("head", "tail"), "qualifiers"), ("event", ("trigger",), "arguments"))


def sound(table, dataset, where):
    """Every mention stands at its offsets, every index points at one, every label is declared."""
    of_schema(table, RECORDS, where)
    texts = table["text"].to_pylist()
    demand(all(text.strip() for text in texts), "a text is blank", where)
    found, row, begins = lists(table, "mentions")
    strings, starts, ends, labels = (pc.struct_field(found, i).to_pylist() for i in range(4))
    for at, string, start, end in zip(row.tolist(), strings, starts, ends, strict=True):
        if start is None:
            fine = string and end is None
        else:
            fine = end is not None and 0 <= start < end and texts[at][start:end] == string
        if not fine:
            what = f"{string!r:.60} is not at {start}:{end} of {texts[at]!r:.60}"
            demand(fine, what, f"{where}, row {at}")
    _declared({*labels} - {None}, dataset, "entity", where)
    sizes = begins[1:] - begins[:-1]
    for kind, ends, slots in _LINKS:
        items, row, _ = lists(table, f"{kind}s")
        _declared(pc.unique(pc.struct_field(items, "label")).to_pylist(), dataset, kind, where)
        for end in ends:
            _inside(pc.struct_field(items, end), sizes[row], f"{end} of a {kind}", where)
        inner = pc.struct_field(items, slots)
        row = row[pc.list_parent_indices(inner).to_numpy()]
        inner = pc.list_flatten(inner)
        _declared(pc.unique(pc.struct_field(inner, "role")).to_pylist(), dataset, "role", where)
        _inside(pc.struct_field(inner, "mention"), sizes[row], f"one of the {slots}", where)


def _declared(labels, dataset, kind, where):
    odd = {*labels} - {*dataset.labels_of(kind)}
    demand(not odd, f"{kind} labels that are not declared: {sorted(odd)[:3]}", where)


def _inside(index, sizes, what, where):
    given = pc.is_valid(index).to_numpy(zero_copy_only=False)
    index = pc.fill_null(index, 0).to_numpy(zero_copy_only=False)
    astray = given & ((index < 0) | (index >= sizes))
    demand(not astray.any(), f"the {what} is no mention of its record", where)


def numbered(ids, dataset, split, after, where):
    """The ids are those of the dataset and split, and rise from one shard to the next."""
    for identifier in ids:
        name, own, *number = place(identifier)
        demand((name, own) == (dataset, split), f"{identifier} is not of {dataset}/{split}", where)
        demand(number > after, f"{identifier} stands after {'.'.join(map(str, after))}", where)
        after = number
    return after


def normalized(name, ws):
    """normalize: sound records in order, and the sums from raw rows to records."""
    of_dataset(ws.dataset(name), ws.folders["normalize"] / name)


def of_dataset(dataset, folder):
    """What normalize left of a dataset in a folder."""
    last, records = defaultdict(lambda: [-1, 0]), Counter()
    for split, path in shards.record_shards(folder):
        table = shards.read(path)
        sound(table, dataset, path)
        constant(table, path, dataset=dataset.id, split=split, language=dataset.language)
        constant(table, path, dropped=None, drop_partner=None, drop_detail=None)
        demand(all(table["origin"].to_pylist()), "an origin is blank", path)
        last[split] = numbered(table["id"].to_pylist(), dataset.id, split, last[split], path)
        records[split] += table.num_rows
    path = folder / "rejects.parquet"
    rejects = shards.read(path)
    of_schema(rejects, REJECTS, path)
    constant(rejects, path, dataset=dataset.id)
    gone = Counter()
    for row in rejects.to_pylist():
        demand(row["reason"].isidentifier() and row["origin"], "a reject of no reason", path)
        demand(min(v for v in row.values() if isinstance(v, int)) >= 0, "less than none", path)
        gone[row["split"]] += row["records"]
    path = folder / "summary.json"
    splits = shards.read_json(path, "splits")["splits"]
    for split, told in splits.items():
        parts = told["windows"]
        grown = parts.get("windows", 0) - parts.get("texts", 0)
        sum_ = told["rejected"] + told["merged_rows"] + told["records"] - grown
        equal(sum_, told["rows"], f"rejected, merged and kept rows of {split}", path)
        equal(gone[split], told["rejected"], f"rejected rows of {split}", path)
        if not dataset.split_by_hash:
            equal(records[split], told["records"], f"records of {split}", path)
    told = sum(own["records"] for own in splits.values())
    equal(records.total(), told, "records of all splits", path)


def cleaned(name, ws):
    """clean: the rows of normalize, in their order, some with a reason to be dropped."""
    dataset, out = ws.dataset(name), ws.folders["clean"] / name
    before, after = (shards.record_shards(ws.folders[s] / name) for s in ("normalize", "clean"))
    equal([p.name for _, p in after], [p.name for _, p in before], "the shards", out)
    same = [n for n in RECORDS.names if n not in tags.TAGS.names]
    if ws.settings.clean.fix:
        same = [n for n in same if n not in ("mentions", "relations", "events")]
    for (_, source), (_, path) in zip(before, after, strict=True):
        table, own = shards.read(source), shards.read(path)
        sound(own, dataset, path)
        for column in same:
            equal_rows = own[column].equals(table[column])
            demand(equal_rows, f"{column} is not that of normalize", path)
        reasons = {*pc.unique(own["dropped"]).to_pylist()} - {None}
        demand(reasons <= CLEAN, f"dropped for {sorted(reasons - CLEAN)}", path)
        demand(own["drop_partner"].null_count == len(own), "clean drops for a partner", path)
    hygiene = shards.read_json(out / "hygiene.json", "splits")["splits"]
    demand({*hygiene} <= {split for split, _ in after}, f"splits {[*hygiene]}", out)


def deduped(names, ws):
    """dedupe: a tag for every row; partners that exist; no kept text twice, none in a test too."""
    corpus, tests, settings = {}, {}, ws.settings.dedupe
    alone = {
        (d.id, s) for d in map(ws.dataset, names) for s in SPLITS if _one_stays(d, s, settings)
    }
    for name in names:
        for split, path in shards.record_shards(ws.folders["clean"] / name):
            table = _tagged(name, path, ws)
            columns = ("id", "text", "cleaned", "dropped", "drop_partner")
            for identifier, *row in zip(*(table[c].to_pylist() for c in columns), strict=True):
                corpus[identifier] = (name, split, *row)
                # A test text of which all rows go, since they contradict each other, is in no test.
                if split == "test" and not row[1] and row[2] != "conflicting_duplicate":
                    known = tests.setdefault(comparable(row[0]), {})
                    known[name] = identifier
    kept = {}
    for identifier, (name, split, text, cleaned_, reason, partner) in corpus.items():
        if reason is None:
            demand(partner is None, "kept, and lost to a partner", identifier)
            if (name, split) in alone:
                other = kept.setdefault((name, split, normal_form(text)), identifier)
                demand(other == identifier, f"its text is kept as {other}, too", identifier)
            if split != "test":
                there = tests.get(comparable(text), {})
                there = there if settings.across_datasets else {*there} & {name}
                demand(not there, f"its text is in a test: {there}", identifier)
        elif cleaned_ is None:
            demand(reason in DEDUPE, f"dropped for {reason}", identifier)
            outside = reason == "test_passage" and settings.against and partner not in corpus
            demand(outside or partner in corpus, f"there is no partner {partner}", identifier)
            if not outside:
                _lost(identifier, partner, corpus)


def _tagged(name, path, ws):
    """A clean shard with what clean and dedupe say of its rows, and what dedupe merged into it."""
    folder = ws.folders["dedupe"] / name
    own, told = shards.read(path), shards.read(folder / path.name)
    of_schema(told, tags.TAGS, folder / path.name)
    equal(told.num_rows, own.num_rows, "rows", folder / path.name)
    first = pc.fill_null(own["dropped"], "")
    stays = pc.or_(pc.equal(first, ""), pc.equal(first, pc.fill_null(told["dropped"], "")))
    demand(pc.all(stays).as_py() is not False, "another reason than clean's", folder / path.name)
    if (merged := tags.merged_path(path, folder)).exists():
        rows = shards.read(merged)
        sound(rows, ws.dataset(name), merged)
        at = pc.index_in(rows["id"], value_set=own["id"].combine_chunks())
        demand(at.null_count == 0, "it merges records that there are not", merged)
        demand(rows["text"].equals(own["text"].take(at)), "it merges into another text", merged)
        demand(pc.take(told["dropped"], at).null_count == len(at), "what it merged is gone", merged)
    columns = [own["id"], own["text"], own["dropped"], told["dropped"], told["drop_partner"]]
    return pa.table(columns, names=["id", "text", "cleaned", "dropped", "drop_partner"])


def _one_stays(dataset, split, settings):
    """Whether no two records of a split that are kept have the same text."""
    default = "merge" if dataset.one_annotation_per_row else settings.conflicts[split]
    return dataset.conflicts.get(split, default) != "keep"


def _lost(identifier, partner, corpus):
    """A record lost against another one, as the reason says."""
    name, split, text, _, reason, _ = corpus[identifier]
    other_name, other_split, other_text, _, fate, _ = corpus[partner]
    demand(partner != identifier, "it lost against itself", identifier)
    form = {"exact": normal_form, "alike": comparable}.get(DEDUPE[reason])
    if form:
        demand(form(text) == form(other_text), f"{partner} has another text", identifier)
    if DEDUPE[reason] == "exact":
        demand((name, split) == (other_name, other_split), f"{partner} is elsewhere", identifier)
    if reason == "train_text_in_test":
        demand(split != "test" == other_split, f"{partner} is in {other_split}", identifier)
    if name == other_name:
        both_go = reason == fate == "conflicting_duplicate"
        stays = fate is None or both_go or reason == "duplicate"
        demand(stays, f"{partner} was dropped itself, as {fate}", identifier)
