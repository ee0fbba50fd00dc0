"""Events as lists of mentions with spans and roles, the trigger among them (FewFC).

    {"id": "7c1e", "content": "7月2日,汇澜股份收购蓝屿科技。", "events": [
        {"type": "收购", "mentions": [
            {"word": "7月2日", "span": [0, 4], "role": "date"},
            {"word": "汇澜股份", "span": [5, 9], "role": "sub-org"},
            {"word": "收购", "span": [9, 11], "role": "trigger"},
            {"word": "蓝屿科技", "span": [11, 15], "role": "obj-org"}]}]}

Spans are half-open. A role means something else in each event type (the `sub-org` of 收购 buys,
that of 担保 guarantees), so its raw label names both: "收购/sub-org".
"""

from typing import Any, Final

from pipeline.readers._paths import Rows
from pipeline.readers._source import items
from pipeline.readers.json_rows import shaped

_TRIGGER: Final = "trigger"


def _parted(origin: str, row: Any, _: object) -> Rows:
    """The row with each event's trigger apart from its arguments.

    Several triggers stay a list, which has no place in the text: such a row is rejected.
    """
    yield origin, {**row, "events": [_event(event) for event in items(row["events"])]}


def _event(event: dict[str, Any]) -> dict[str, Any]:
    mentions, kind = items(event["mentions"]), event.get("type")
    triggers = [mention for mention in mentions if mention.get("role") == _TRIGGER]
    others = [mention for mention in mentions if mention.get("role") != _TRIGGER]
    arguments = [{**m, "role": f"{kind}/{m['role']}"} if "role" in m else m for m in others]
    trigger = triggers[0] if len(triggers) == 1 else triggers
    return {**event, "mentions": arguments, "trigger": trigger}


read, unread_fields = shaped("event_mentions", _parted)
