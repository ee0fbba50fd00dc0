"""The sets of IEPile as its authors publish them, in the format that `iepile import` reads."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from pipeline import config
from pipeline.catalog import Dataset, File, Labels, Split, declaration
from pipeline.fetching import checking
from pipeline.fetching.http import Network

_FILE: Final = Path(__file__).with_name("iepile.toml")
_TASKS: Final[dict[str, list[Any]]] = {"NER": ["NER"], "RE": ["RE"], "EE": ["EE", "EET", "EEA"]}


class _Published(msgspec.Struct, forbid_unknown_fields=True, rename={"held_out": "held-out"}):
    """What `iepile.toml` says: folder -> the names of the sets in it."""

    address: str
    license: str
    license_url: str
    restrictions: list[declaration.Restriction]
    license_note: str
    train: dict[str, list[str]]
    held_out: dict[str, list[str]]


def sets(only: Sequence[str] = ()) -> list[Dataset]:
    """The published sets, or those of these names, as datasets to be fetched.

    Their labels are not declared: schema.json, the first of their files, names them.
    Raises DeclarationError for a name that there is not.
    """
    published: _Published = config.read_toml(_FILE, _Published)
    published_sets = [
        _set(published, folder, name, held_out=folders is published.held_out)
        for folders in (published.train, published.held_out)
        for folder, names in folders.items()
        for name in names
    ]
    known = [dataset.source for dataset in published_sets]
    config.check_known(only, known, "set of IEPile", "--only")
    return [dataset for dataset in published_sets if not only or dataset.source in only]


def _set(published: _Published, folder: str, name: str, *, held_out: bool) -> Dataset:
    language, task, *above = folder.split("/")
    source = "-".join([*above, name])
    slug = re.sub(r"[^a-z0-9]+", "-", f"iepile-{task}-{source}".lower())
    splits: dict[str, Split] = {}
    for split in ("test",) if held_out else ("train", "dev", "test"):
        names = ["schema.json", f"{split}.json"] if not splits else [f"{split}.json"]
        files = [File(path, url=f"{published.address}/{folder}/{name}/{path}") for path in names]
        splits[split] = Split(files)
    return Dataset(
        id=slug,
        title=f"{source}, as IEPile's authors publish it",
        source=source,
        license=published.license,
        license_url=published.license_url,
        restrictions=published.restrictions,
        license_note=published.license_note,
        language="zh" if language == "IE-zh" else "en",
        domain="unstated",
        tasks=_TASKS[task],
        reader={"name": "iepile_jsonl"},
        labels=Labels(),
        splits=splits,
        homepage=published.license_url,
        use="held-out" if held_out else "train",
    )


def there(dataset: Dataset, network: Network) -> tuple[Dataset, list[str]]:
    """The set without the splits that are not published or hold nothing, and the names of these.

    The first split is always there: train, or test of a set that is held out.
    Raises FetchError where the server cannot be reached.
    """
    answers = {answer.address: answer for answer in checking.check(dataset, network)}
    problems = [answer.problem for answer in answers.values() if answer.status is None]
    if len(problems) == len(answers) and problems[0]:
        raise problems[0]
    lacking = []
    for split in [*dataset.splits][1:]:
        (file,) = dataset.splits[split].files
        answer = answers[file.addresses[0]]
        if answer.status in checking.GONE or (answer.status == 200 and answer.bytes == 0):
            lacking.append(split)
    splits = {name: split for name, split in dataset.splits.items() if name not in lacking}
    return msgspec.structs.replace(dataset, splits=splits), lacking
