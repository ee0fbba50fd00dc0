"""`uie`: one prompt and its spans per row, for pointer models such as PaddleNLP's UIE.

    {"content": "林夏曾任教于澄江", "result_list": [{"text": "林夏", "start": 0, "end": 2}],
     "prompt": "人物"}
    {"content": "林夏曾任教于澄江", "result_list": [], "prompt": "林夏的国籍"}

Ends are exclusive and count characters. The prompts, in Chinese and English:

    entity label                     人物                person
    the subject's relation           林夏的国籍          country of Ines Vale
    event label's triggers           裁员触发词          layoff trigger
    the trigger's (or event's) role  裁员的裁员方        company of laid off

Absent labels are asked too, with an empty list: in train those in the sets of near labels that the
instructions ask, in dev and test all. A subject is asked the relations of such sets; an event all
its roles, unless its dataset declares triggers alone. Where an answer to a prompt has no place in
the text, the whole prompt is left out and its answers counted, because the other answers alone
would teach that there are no more.
"""

from collections import Counter
from typing import Any, Final

from pipeline.catalog import Dataset
from pipeline.exports import Made
from pipeline.exports._label_sets import LabelSets
from pipeline.text import like

_OF: Final = {"zh": "{owner}的{slot}", "en": "{slot} of {owner}"}
_TRIGGER: Final = {"zh": "{label}触发词", "en": "{label} trigger"}

#: Prompt -> the indices of the mentions that answer it.
Prompts = dict[str, list[int]]


def prompts(record: dict[str, Any], dataset: Dataset, asked: dict[str, LabelSets]) -> Prompts:
    """The prompts of one record with the mentions that answer them."""
    prompts: Prompts = {}
    mentions, of = record["mentions"], _OF[like(dataset.language)]
    if "NER" in asked:
        for i, mention in enumerate(mentions):
            if mention["label"] is not None:
                prompts.setdefault(mention["label"], []).append(i)
        absent = asked["NER"].absent(record["id"], {*prompts}, record["split"])
        prompts |= {label: [] for label in absent}
    if "RE" in asked:
        subjects: dict[str, set[str]] = {}
        for relation in record["relations"]:
            owner = mentions[relation["head"]]["text"]
            subjects.setdefault(owner, set()).add(relation["label"])
            prompt = of.format(owner=owner, slot=relation["label"])
            prompts.setdefault(prompt, []).append(relation["tail"])
        for owner, present in subjects.items():
            # The subject is gold in every split: dev and test are asked in the same way as train.
            for label in asked["RE"].absent(f"{record['id']}/{owner}", present, "train"):
                prompts.setdefault(of.format(owner=owner, slot=label), [])
    if "EE" in asked:
        _add_events(prompts, record, of, _TRIGGER[like(dataset.language)], asked["EE"])
    return prompts


def _add_events(
    prompts: Prompts, record: dict[str, Any], of: str, trigger: str, sets: LabelSets
) -> None:
    for event in record["events"]:
        label, owner = event["label"], event["label"]
        if event["trigger"] is not None:
            prompts.setdefault(trigger.format(label=label), []).append(event["trigger"])
            owner = record["mentions"][event["trigger"]]["text"]
        for argument in event["arguments"] if sets.roles else ():
            prompt = of.format(owner=owner, slot=argument["role"])
            prompts.setdefault(prompt, []).append(argument["mention"])
        for role in sets.roles.get(label, ()):
            prompts.setdefault(of.format(owner=owner, slot=role), [])
    present = {event["label"] for event in record["events"]}
    for label in sets.absent(record["id"], present, record["split"]):
        prompts.setdefault(trigger.format(label=label), [])


def rows(record: dict[str, Any], dataset: Dataset, asked: dict[str, LabelSets]) -> Made:
    """The rows of a record's prompts, and counts of answers written and lost."""
    text, mentions = record["text"], record["mentions"]
    made = []
    counts = Counter({"answers": 0, "rows without an answer": 0})
    for prompt, answers in prompts(record, dataset, asked).items():
        spans = {(mentions[i]["start"], mentions[i]["end"]) for i in answers}
        if (None, None) in spans:
            counts["lost: prompts"] += 1
            counts["lost: answers"] += len(answers)
            continue
        results = [{"text": text[s:e], "start": s, "end": e} for s, e in sorted(spans)]
        made.append({"content": text, "result_list": results, "prompt": prompt})
        counts["answers"] += len(results)
        counts["rows without an answer"] += not results
    return made, counts
