"""`label-studio`, `doccano`, `brat`: records for people to repair, which `iepile new` reads again.

With `--only suspicious` these are the records that were dropped, and those with a mention that has
no place in its text or begins or ends inside a word; a comment gives the reason. Only brat has
events. Ends of relations without a type get the type "entity". A mention without offsets cannot be
drawn: it is lost, with the relations and arguments that need it.

    brat      conll04/train/7.txt and 7.ann; blanks and colons in names are written `_`; the comment
              is a note; records.tsv says which record a file is
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.catalog import Dataset
from pipeline.exports import Made, Source, comments, records
from pipeline.exports.tokens import UNTYPED


class _Drawn:
    """The annotations of a record that can be drawn; labels by the index of the mention."""

    def __init__(self, record: dict[str, Any], dataset: Dataset, *, events: bool = False) -> None:
        mentions, relations = record["mentions"], record["relations"]
        its_events = record["events"] if events else []
        self.comment = "; ".join(comments(record, dataset.language))
        placed = {i for i, mention in enumerate(mentions) if mention["start"] is not None}
        used = {r[end] for r in relations for end in ("head", "tail")}
        used |= {a["mention"] for event in its_events for a in event["arguments"]}
        self.labels = {
            i: mentions[i]["label"] or UNTYPED
            for i in sorted(placed)
            if mentions[i]["label"] or i in used
        }
        self.relations = [r for r in relations if {r["head"], r["tail"]} <= placed]
        self.events = [event for event in its_events if event["trigger"] in placed]
        without = {*range(len(mentions))} - placed
        triggers = {event["trigger"] for event in its_events}
        self.counts = {
            "entities": len(self.labels),
            "relations": len(self.relations),
            "lost: mentions without offsets": len(without - triggers),
            "lost: relations of which an end is lost": len(relations) - len(self.relations),
        }
        if events:
            arguments = [a for event in self.events for a in event["arguments"]]
            self.counts |= {
                "events": len(self.events),
                "lost: events without a place": len(its_events) - len(self.events),
                "lost: arguments without offsets": sum(a["mention"] in without for a in arguments),
                "lost: qualifiers of relations": sum(len(r["qualifiers"]) for r in self.relations),
            }


def label_studio(record: dict[str, Any], dataset: Dataset, _: object) -> Made:
    """A task with one annotation."""
    drawn = _Drawn(record, dataset)
    about = {"from_name": "label", "to_name": "text", "type": "labels"}
    result: list[dict[str, Any]] = []
    for i, label in drawn.labels.items():
        place = {key: record["mentions"][i][key] for key in ("start", "end", "text")}
        result.append({"id": f"m{i}", **about, "value": {**place, "labels": [label]}})
    for r in drawn.relations:
        ends = {"from_id": f"m{r['head']}", "to_id": f"m{r['tail']}"}
        result.append({"type": "relation", "direction": "right", **ends, "labels": [r["label"]]})
    data = {"text": record["text"], "record_id": record["id"], "comment": drawn.comment}
    return [{"data": data, "annotations": [{"result": result}]}], drawn.counts


def doccano(record: dict[str, Any], dataset: Dataset, _: object) -> Made:
    """A line with entities and relations."""
    drawn = _Drawn(record, dataset)
    entities = []
    for i, label in drawn.labels.items():
        mention = record["mentions"][i]
        offsets = {"start_offset": mention["start"], "end_offset": mention["end"]}
        entities.append({"id": i, "label": label, **offsets})
    relations = [
        {"id": n, "from_id": r["head"], "to_id": r["tail"], "type": r["label"]}
        for n, r in enumerate(drawn.relations)
    ]
    notes = [drawn.comment] if drawn.comment else []
    row = {"text": record["text"], "entities": entities, "relations": relations, "Comments": notes}
    return [{**row, "id": record["id"]}], drawn.counts


def export(source: Source, out: Path, counts: Counter[str]) -> None:
    """Write two files of brat for each record."""
    with (out / "records.tsv").open("w", encoding="utf-8") as index:
        for dataset, split, table in records(source):
            folder = out / dataset.id / split
            folder.mkdir(parents=True, exist_ok=True)
            for record in table.to_pylist():
                drawn = _Drawn(record, dataset, events=True)
                name = record["id"].rpartition("/")[2]
                (folder / f"{name}.txt").write_text(record["text"], encoding="utf-8", newline="")
                lines = "".join(f"{line}\n" for line in _brat(record, drawn))
                (folder / f"{name}.ann").write_text(lines, encoding="utf-8")
                index.write(f"{dataset.id}/{split}/{name}.txt\t{record['id']}\t{drawn.comment}\n")
                counts.update({"rows": 1, **drawn.counts})


def _brat(record: dict[str, Any], drawn: _Drawn) -> Iterator[str]:
    def span(key: str, label: str, index: int) -> str:
        mention = record["mentions"][index]
        surface = " ".join(mention["text"].splitlines())
        return f"{key}\t{_name(label)} {mention['start']} {mention['end']}\t{surface}"

    for i, label in drawn.labels.items():
        yield span(f"T{i + 1}", label, i)
    for n, event in enumerate(drawn.events, len(record["mentions"]) + 1):
        yield span(f"T{n}", event["label"], event["trigger"])
        arguments = [a for a in event["arguments"] if a["mention"] in drawn.labels]
        roles = [f"{_name(a['role'])}:T{a['mention'] + 1}" for a in arguments]
        yield f"E{n}\t" + " ".join([f"{_name(event['label'])}:T{n}", *roles])
    for n, r in enumerate(drawn.relations, 1):
        yield f"R{n}\t{_name(r['label'])} Arg1:T{r['head'] + 1} Arg2:T{r['tail'] + 1}"
    if drawn.comment and drawn.labels:
        yield f"#1\tAnnotatorNotes T{min(drawn.labels) + 1}\t{drawn.comment}"


def _name(label: str) -> str:
    return re.sub(r"[\s:]+", "_", label)
