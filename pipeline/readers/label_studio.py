"""Label Studio's JSON: tasks with their annotations, of which one is gold.

    [{"id": 6, "data": {"text": "BORROWER Orla Bank will pay."}, "predictions": [], "annotations": [
        {"id": 3, "completed_by": 1, "was_cancelled": false, "ground_truth": false, "result": [
            {"id": "a", "type": "labels", "from_name": "label", "to_name": "text",
             "value": {"start": 9, "end": 18, "text": "Orla Bank", "labels": ["PARTY NAME"]}},
            {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right",
             "labels": ["has role"]}]}]}]

Where an annotation is the ground truth, it is read; else those that were not cancelled, of which
`annotators` chooses: "first", "majority", or the number or address of one (`completed_by`). The
others are reported as not gold. Predictions are never read. `text` names the field of the data. A
relation of direction "left" goes from the second to the first, one of "bi" both ways.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.readers._paths import Table
from pipeline.readers._source import EXCERPT
from pipeline.readers.json_rows import rows_of, shaped
from pipeline.records import Reject


class Options(Table, frozen=True):
    """The field of the data that is the text, and whose annotations are read."""

    text: str = "text"
    annotators: str = "first"


def _gold(origin: str, task: Any, options: Options) -> Iterator[tuple[str, Any]]:
    """A reject per annotation that is not gold, and a row for each that may be."""
    gold, others = _annotations(task)
    for other in others:
        detail = f"annotation {other.get('id')!r:.40}"
        yield origin, Reject(origin, "not_gold", detail, records=0)
    if not gold:
        detail = "no annotation that was not cancelled"
        yield origin, Reject(origin, "unlabeled", detail, str(task)[:EXCERPT])
    for annotation in gold:
        who = annotation.get("completed_by")
        name = who.get("email", who.get("id")) if isinstance(who, dict) else who
        yield origin, {**_row(task, _results(annotation), options), "annotator": name}


read, _ = shaped("label_studio", _gold)


def unread_fields(files: Sequence[Path], options: Options) -> Counter[str]:
    """Kind of result, or field of the data, that is not read -> how often it occurs."""
    counts: Counter[str] = Counter()
    for _, item in rows_of(files):
        task = item.value if isinstance(item.value, dict) else {}
        gold, others = _annotations(task)
        results = [result for annotation in gold for result in _results(annotation)]
        data = task.get("data") or {}
        counts.update(f"data.{k}" for k, v in data.items() if v and k != options.text)
        counts.update(f"result of type {r.get('type')}" for r in results if not _is_read(r))
        counts["annotations that are not gold"] += len(others)
        counts["predictions"] += len(task.get("predictions") or ())
    return +counts


def _annotations(task: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(the annotations that may be gold, the others)."""
    given = task.get("annotations") if isinstance(task, dict) else None
    objects = [a for a in given if isinstance(a, dict)] if isinstance(given, list) else []
    valid = [a for a in objects if not a.get("was_cancelled") and isinstance(a.get("result"), list)]
    gold = [a for a in valid if a.get("ground_truth")][:1] or valid
    return gold, [a for a in objects if a not in gold]


def _results(annotation: dict[str, Any]) -> list[dict[str, Any]]:
    return [result for result in annotation["result"] if isinstance(result, dict)]


def _is_read(result: dict[str, Any]) -> bool:
    value = result.get("value")
    return result.get("type") == "relation" or (isinstance(value, dict) and "start" in value)


def _row(task: dict[str, Any], results: list[dict[str, Any]], options: Options) -> dict[str, Any]:
    """A task as a row of the standard form."""
    data = task.get("data")
    entities, relations = [], []
    for result in filter(_is_read, results):
        if result["type"] == "relation":
            ends = (result.get("from_id"), result.get("to_id"))
            pairs = [ends[::-1]] if result.get("direction") == "left" else [ends]
            pairs += [ends[::-1]] if result.get("direction") == "bi" else []
            labels = result.get("labels") or [None]
            relations += [{"label": x, "head": h, "tail": t} for h, t in pairs for x in labels]
        else:
            value = result["value"]
            span = {key: value.get(key) for key in ("start", "end", "text")}
            label = value.get(result["type"], value.get("labels"))
            entities.append({**span, "id": result.get("id"), "label": label})
    text = data.get(options.text) if isinstance(data, dict) else None
    return {"text": text, "entities": entities, "relations": relations}
