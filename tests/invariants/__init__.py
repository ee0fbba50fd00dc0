"""What must hold of all that a run stores, stage by stage; checked after every stage in a test.

`tests/conftest.py` calls `after` whenever a stage ends in the process of the tests, whoever ran it;
tests of runs in other processes call `whole`, or compare every byte with a run that was checked.
What is found raises `UnsoundError`. A folder is checked once: its stamp says whether it was seen.

The checks read the shards and the declaration, and say on their own what each stage promises. Of
long shards they read an even share of the JSON.
"""

from pipeline.commands.layout import ALL
from pipeline.commands.wiring import STAGES
from pipeline.execution import freshness
from tests.invariants import corpus, records, rows
from tests.invariants.demands import UnsoundError, demand

__all__ = ["UnsoundError", "after", "stamped", "whole"]

CHECKS = {
    "normalize": records.normalized,
    "clean": records.cleaned,
    "dedupe": records.deduped,
    "negatives": rows.dictionary,
    "instruct": rows.instructed,
    "publish": corpus.published,
    "report": corpus.reported,
}
#: Digests of the stamps of what was checked and found sound.
_SEEN = set()


def after(stage, units, names, ws):
    """Check the folders, `units`, that a stage left of a run over datasets; none twice."""
    for name in units:
        seen = (stage, name, ws.place(stage, name).stamp.read_bytes())
        if seen not in _SEEN:
            stamped(stage, name, names, ws)
            CHECKS[stage](names if name == ALL else name, ws)
            _SEEN.add(seen)


def whole(names, ws):
    """Check all stages of a run over these datasets, made in another process."""
    for stage in STAGES:
        after(stage, [ALL] if STAGES[stage].whole else names, names, ws)


def stamped(stage, name, names, ws):
    """The stamp holds the digests of the files, and of those that it names as inputs."""
    place = ws.place(stage, name)
    stamp = freshness.stamp_of(place)
    demand(stamp is not None, "there is no stamp", place.stamp)
    demand(stamp.files == freshness.digests(place.folder), "other files than stamped", place.folder)
    for told, digest in stamp.made_from["inputs"].items():
        earlier, _, dataset = told.partition(" of ")
        if name == ALL and dataset not in names:
            continue
        source = STAGES[earlier].whole
        files = freshness.stamp_of(ws.place(earlier, ALL if source else dataset)).files
        prefix = f"{dataset}/" if source else {"negatives": "dictionary"}.get(earlier, "")
        same = freshness.contents(files, prefix) == digest
        demand(same, f"the stamp names another {told}", place.stamp)
