"""Label Studio's JSON: tasks with their annotations, of which one is gold.

    [{"id": 6, "data": {"text": "BORROWER Orla Bank will pay."}, "predictions": [], "annotations": [
        {"id": 3, "completed_by": 1, "was_cancelled": false, "ground_truth": false, "result": [
            {"id": "a", "type": "labels", "from_name": "label", "to_name": "text",
             "value": {"start": 9, "end": 18, "text": "Orla Bank", "labels": ["PARTY NAME"]}},
            {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right",
             "labels": ["has role"]}]}]}]

Of several annotators' results the ground truth is read, or else the first that was not cancelled;
the others are told as not gold. Predictions never are. `text` names the field of the data. A
relation of direction "left" goes from the second to the first, one of "bi" both ways.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pipeline.readers._options import Table
from pipeline.readers._source import EXCERPT
from pipeline.readers.json_rows import rows_of, shaped
from pipeline.records import Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class Options(Table, frozen=True):
    """The field of the data that is the text."""

    text: str = "text"


def _gold(origin: str, task: Any, options: Options) -> Iterator[tuple[str, Any]]:
    """A reject per annotation that is not gold, and the task with the one that is."""
    gold, others = _results(task)
    for other in others:
        what = f"annotation {other.get('id')!r:.40}"
        yield origin, Reject(origin, "not_gold", what, records=0)
    if gold is None:
        what = "no annotation that was not cancelled"
        yield origin, Reject(origin, "unlabelled", what, str(task)[:EXCERPT])
    else:
        yield origin, _row(task, gold, options)


read, _ = shaped("standard", _gold)


def unread_fields(files: Sequence[Path], options: Options) -> Counter[str]:
    """Kind of result, or field of the data, that is not read -> how often it occurs."""
    found: Counter[str] = Counter()
    for _, item in rows_of(files):
        gold, others = _results(item.value)
        data = item.value.get("data") if isinstance(item.value, dict) else None
        found.update(f"data.{k}" for k, v in (data or {}).items() if v and k != options.text)
        found.update(f"result of type {r.get('type')}" for r in gold or () if not _is_read(r))
        found["annotations that are not gold"] += len(others)
        predictions = item.value.get("predictions") if isinstance(item.value, dict) else None
        found["predictions"] += len(predictions or ())
    return +found


def _results(task: Any) -> tuple[list[dict[str, Any]] | None, list[dict[str, Any]]]:
    """(the results that are gold, the annotations that are not)."""
    given = task.get("annotations") if isinstance(task, dict) else None
    found = [one for one in given or () if isinstance(one, dict)] if isinstance(given, list) else []
    valid = [one for one in found if not one.get("was_cancelled")]
    best = next((one for one in valid if one.get("ground_truth")), valid[0] if valid else None)
    others = [one for one in found if one is not best]
    result = best.get("result") if best else None
    return (
        [r for r in result if isinstance(r, dict)] if isinstance(result, list) else None
    ), others


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
            own = {key: value.get(key) for key in ("start", "end", "text")}
            label = value.get(result["type"], value.get("labels"))
            entities.append({**own, "id": result.get("id"), "label": label})
    text = data.get(options.text) if isinstance(data, dict) else None
    return {"text": text, "entities": entities, "relations": relations}
