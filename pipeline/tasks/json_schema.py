"""The JSON Schema of an answer, from the task and the schema of its instruction alone.

All labels are required, in the order in which they are asked, and nothing else is allowed. Engines
that decode under a grammar (vLLM, OpenAI's strict mode) take it as it is: it uses few keywords. KG
alone has names of the text as keys, for which `additionalProperties` holds a schema; OpenAI's
strict mode refuses that.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

_STRING: Final = {"type": "string"}
_STRINGS: Final = {"type": "array", "items": _STRING}
#: One value as a string, several as a list.
_FILLER: Final = {"anyOf": [_STRING, _STRINGS]}


def answer_schema(task: str, asked: Sequence[Any]) -> dict[str, Any]:
    """The schema of the answer to an instruction of a task whose `schema` is `asked`."""
    labels: dict[str, Any] = {}
    for item in asked:
        if task in ("NER", "EET"):
            labels[item] = _STRINGS
        elif task in ("RE", "SPO"):
            label = item if task == "RE" else item["predicate"]
            labels[label] = _list_of(_object({"subject": _STRING, "object": _STRING}))
        elif task == "KG":
            attributes = _object(dict.fromkeys(item["attributes"], _FILLER), required=False)
            labels[item["entity_type"]] = {"type": "object", "additionalProperties": attributes}
        else:
            trigger = {"enum": [*item["trigger"], "NAN"]} if task == "EEA" else _STRING
            arguments = _object(dict.fromkeys(item["arguments"], _FILLER))
            event = _object({"trigger": trigger, "arguments": arguments})
            labels[item["event_type"]] = _list_of(event)
    return _object(labels)


def of_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of the answer to a row of the corpus."""
    return answer_schema(row["task"], orjson.loads(row["instruction"])["schema"])


def response_format(row: Mapping[str, Any]) -> dict[str, Any]:
    """The schema as OpenAI's chat completions take it, and the servers that speak like them."""
    schema = {"name": "answer", "strict": row["task"] != "KG", "schema": of_row(row)}
    return {"type": "json_schema", "json_schema": schema}


def _list_of(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _object(properties: Mapping[str, Any], *, required: bool = True) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**properties},
        "required": [*properties] if required else [],
        "additionalProperties": False,
    }
