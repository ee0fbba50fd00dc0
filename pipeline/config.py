"""What users declare: params.yaml as typed settings, and TOML and YAML files as typed values.

An unknown key is an error that names the file and the likely slip, never a silent default. Where a
parameter is a dictionary, a key that params.yaml does not name keeps its default. TOML refuses a
key that stands twice; YAML takes the last, silently, so that is refused here.
"""

from __future__ import annotations

import os
import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec

from pipeline.errors import DeclarationError, explained
from pipeline.records import SPLITS, TASKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Counts are written as 32 bits.
_MOST: Final = 2**31 - 1
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
#: From 0 and from 1 on.
Number = Annotated[float, msgspec.Meta(ge=0, le=_MOST)]
Count = Annotated[int, msgspec.Meta(ge=1, le=_MOST)]
Name = Annotated[str, msgspec.Meta(pattern=r"\S")]
_Task = Annotated[str, msgspec.Meta(pattern=f"^({'|'.join(TASKS)})$")]
_Split = Annotated[str, msgspec.Meta(pattern=f"^({'|'.join(SPLITS)})$")]
#: Read where no file of parameters is named.
PARAMS: Final = Path("params.yaml")
#: Parameters that once had another name.
_RENAMED: Final = {
    "normalize.max_chars": "normalize.window_chars",
    "negatives.revision": "negatives.encoder_revision (of a model from the Hub) "
    "or negatives.encoder_sha256 (of a folder)",
    "instruct.peer": "instruct.remainder (`remainder: reference` for `peer: true`)",
}
_DEEP: Final = "values are nested too deeply"
_TODO: Final = "correct the file"
#: What msgspec calls a kind of value -> what people do.
_KINDS: Final = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a table of keys",
    "null": "nothing",
}


class _Section(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    def __post_init__(self) -> None:
        """A dictionary keeps the defaults of the keys that it does not name."""
        for field in msgspec.structs.fields(self):
            if callable(field.default_factory) and isinstance(
                named := getattr(self, field.name), dict
            ):
                whole = {**field.default_factory(), **named}
                msgspec.structs.force_setattr(self, field.name, whole)


class Normalize(_Section, frozen=True):
    """How raw files become records."""

    #: More rejects than this share of a split's rows is an error, unless the edition declares them.
    max_reject_rate: Share = 0.02
    records_per_shard: Count = 20_000
    #: Part texts of more characters between sentences, see `normalize/windows.py`; null: never.
    window_chars: Count | None = None


#: What may be mended, see `pipeline/clean/hygiene.py`.
Fixable = Literal[
    "mention_not_in_text",
    "span_with_two_labels",
    "relation_to_itself",
    "event_without_trigger",
    "event_without_arguments",
    "empty_event",
    "text_too_long",
]


class Clean(_Section, frozen=True):
    """The thresholds of the cleaning rules, and which odd annotations are mended."""

    max_non_letter_share: Share = 0.8
    min_characters: Annotated[int, msgspec.Meta(ge=0, le=_MOST)] = 5
    max_stop_word_share: Share = 0.8
    #: Texts of more characters than this are reported as long.
    long_text: Count = 5000
    #: Odd annotations to mend; the others are only reported, in `clean/<id>/hygiene.json`.
    fix: list[Fixable] = []


Policy = Literal["drop", "keep", "first", "merge"]


class Dedupe(_Section, frozen=True):
    """What becomes of texts that occur more than once."""

    #: What becomes of one text with different annotations; a dataset may declare its own.
    conflicts: dict[_Split, Policy] = msgspec.field(
        default_factory=lambda: {"train": "drop", "dev": "keep", "test": "keep"}
    )
    #: Look for train texts in the test splits of every dataset, or of their own dataset only.
    across_datasets: bool = True
    #: Whether nearly equal texts are looked for, and dropped where equal ones would be duplicates.
    near_duplicates: Literal["ignore", "report", "drop"] = "report"
    #: From which share of their character n-grams in common (Jaccard) two texts are nearly equal.
    near_duplicate_similarity: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.8


class Negatives(_Section, frozen=True):
    """How the dictionary is built."""

    #: "corpus", or the name or path of a sentence-transformers model.
    encoder: str = "corpus"
    #: The revision of a model from the Hub, such as a commit: no other is loaded.
    encoder_revision: str | None = None
    #: The sha256 of a model's folder: no other is loaded.
    encoder_sha256: str | None = None
    #: Where such a model runs, e.g. "cuda"; null chooses.
    device: str | None = None
    #: A label has at most so many near labels, ...
    top_k: Count = 6
    #: ... each nearer than this, in deviations above the mean of all pairs of its inventory.
    min_similarity: Annotated[float, msgspec.Meta(ge=-_MOST, le=_MOST)] = 0.0
    #: Near labels are near in both directions; `top_k` may then be exceeded.
    symmetric: bool = False
    #: Signal -> weight of its block in the fused vector; 0 leaves it out.
    weights: dict[str, Number] = msgspec.field(
        default_factory=lambda: {
            "name": 2.0,
            "mentions": 1.0,
            "contexts": 0.5,
            "signature": 1.0,
            "confused_alike": 0.5,
            "confusions": 1.0,
        }
    )
    #: Weight of being near the same labels, against all signals together.
    shared_neighbours: Number = 1.0
    #: Annotations read per label, chosen by hash.
    mentions_per_label: Count = 200


class Instruct(_Section, frozen=True):
    """How label batches are made."""

    seed: int = 0
    #: Task -> labels.
    labels_per_instruction: dict[_Task, Count] = msgspec.field(
        default_factory=lambda: {**dict.fromkeys(TASKS, 4), "NER": 6, "KG": 1}
    )
    #: Batches without a positive for each that has one: so many in the mean of a dataset's task
    #: ("confusable"), else at most so many in a record; null: all that there are.
    pure_negative_ratio: Number | None = 1.5
    #: The share of the train records without a positive that are asked at all.
    negative_record_rate: Share = 1.0
    #: Which labels stand together, see `instruct/confusable.py` and `instruct/batching.py`.
    grouping: Literal["confusable", "round_robin", "shuffle", "contrast"] = "confusable"
    #: In how many ways "confusable" parts the labels into sets.
    ways: Count = 64
    #: What becomes of labels that make no full batch. "fill": a grouping's own way, all batches are
    #: of one size. "reference": as in IEPile's own code, whatever `grouping` says.
    remainder: Literal["fill", "reference"] = "fill"
    #: What becomes of tasks whose annotation does not cover every label of a text: only what the
    #: source decided is asked, only what is present, everything, or nothing; see
    #: `instruct/coverage.py`.
    incomplete: Literal["given", "positives", "ask", "skip"] = "given"
    #: What labels are called, in all stages: names that are understood without knowing the dataset,
    #: or those that IEPile prints.
    names: Literal["readable", "published"] = "readable"
    #: What an instruction tells the model: "default", or a file of texts, see
    #: `instruct/templates.py`.
    templates: Name = "default"
    #: Say what labels mean where a dataset describes them: {label: description} in place of a list,
    #: an entry "description" where a label is asked by an object.
    descriptions: bool = False
    #: Ask train records for labels by their aliases as well, where a dataset has them.
    aliases: bool = False

    def k(self, task: str) -> int:
        """How many labels an instruction of this task asks at most."""
        return self.labels_per_instruction[task]

    @property
    def in_sets(self) -> bool:
        """Whether labels are asked in sets that are made for a whole dataset."""
        return self.grouping == "confusable" and self.remainder == "fill"


class Publish(_Section, frozen=True):
    """How the corpus is written."""

    rows_per_shard: Count = 200_000
    #: Uncompressed bytes a shard should hold; where given, it decides instead of the rows.
    bytes_per_shard: Count | None = None
    #: Dataset -> how many train rows of each task it gives at most, chosen by hash.
    max_rows: dict[str, Count] = {}
    #: Dataset -> how often its train rows occur: 2 twice, 1.5 half of them twice, by hash.
    repeat: dict[str, Annotated[float, msgspec.Meta(ge=1, le=_MOST)]] = {}
    #: The folder or name of a Hugging Face tokenizer, for the lengths in the card; else characters.
    tokenizer: str | None = None


class Settings(_Section, frozen=True):
    """All parameters of the pipeline; the defaults are those of params.yaml."""

    raw: Name = "raw/sample"
    #: The ids of the datasets to run; how each is read stands in its declaration.
    datasets: list[str] = []
    #: Ask "no relation" as a label of this name, e.g. "else", instead of dropping it.
    no_relation_label: Name | None = None
    normalize: Normalize = Normalize()
    clean: Clean = Clean()
    dedupe: Dedupe = Dedupe()
    negatives: Negatives = Negatives()
    instruct: Instruct = Instruct()
    publish: Publish = Publish()


def load(named: Path | None = None) -> Settings:
    """Read and validate a file of parameters: the one that is named, or params.yaml.

    Without a params.yaml in the current folder the defaults are in force.
    """
    path = named or PARAMS
    if named is None and not os.path.lexists(path):
        return Settings()
    if not path.is_file():
        raise DeclarationError(
            "cannot read the parameters: there is no such file",
            where=path,
            todo="run in the project folder, or name the file with --params",
        )
    todo = "correct it; pipeline/config.py says what every parameter means"
    settings: Settings = read_yaml(path, Settings, todo)
    twice = sorted({name for name in settings.datasets if settings.datasets.count(name) > 1})
    if twice:
        what = f"datasets names {twice[0]!r} twice"
        raise DeclarationError(what, where=path, todo="keep one of them")
    return settings


def read_toml(path: Path, kind: Any) -> Any:
    """The content of a TOML file as `kind`."""
    try:
        content = tomllib.loads(_text(path))
    except (ValueError, RecursionError) as problem:
        raise _wrong(problem, path) from None
    return _typed(content, kind, path)


def read_yaml(path: Path, kind: Any, todo: str = _TODO) -> Any:
    """The content of a YAML file as `kind`; an empty file is one that sets nothing."""
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import DuplicateKeyError
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        content = YAML(typ="safe", pure=True).load(_text(path))
    except DuplicateKeyError as problem:
        line = problem.problem_mark.line + 1
        what = f"a key stands twice, again in line {line}"
        raise DeclarationError(what, where=path, todo="keep one of them") from None
    except MarkedYAMLError as problem:
        what = f"{problem.problem}, in line {problem.problem_mark.line + 1}"
        raise DeclarationError(what, where=path, todo=todo) from None
    except (YAMLError, ValueError, RecursionError) as problem:
        raise _wrong(problem, path, todo) from None
    return _typed({} if content is None else content, kind, path, todo)


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """What a misspelled word stands for, to be put behind it: ", did you mean 'x'?", or nothing."""
    close = get_close_matches(str(word), [*known], 1)
    return f", did you mean {close[0]!r}?" if close else ""


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as problem:
        raise explained(problem, path) or DeclarationError(
            f"cannot read: {problem.strerror}", where=path, todo="check the path"
        ) from None
    except UnicodeDecodeError as problem:
        raise DeclarationError(
            f"byte {problem.start} is no UTF-8", where=path, todo="save the file as UTF-8"
        ) from None


def _typed(content: Any, kind: Any, path: Path, todo: str = _TODO) -> Any:
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as problem:
        mapped = content.get("datasets") if isinstance(content, dict) else None
        if kind is Settings and isinstance(mapped, dict):
            raise DeclarationError(
                "datasets is a mapping: how a dataset is read stands in its declaration alone",
                where=path,
                todo=f"list the ids: datasets: [{', '.join(map(str, [*mapped][:3]))}]",
            ) from None
        raise DeclarationError(in_words(problem, kind), where=path, todo=todo) from None
    except RecursionError as problem:
        raise _wrong(problem, path, todo) from None


def _wrong(problem: Exception, path: Path, todo: str = _TODO) -> DeclarationError:
    what = _DEEP if isinstance(problem, RecursionError) else str(problem)
    return DeclarationError(what, where=path, todo=todo)


def in_words(problem: msgspec.ValidationError, kind: Any) -> str:
    """What is wrong with a value that should be of this kind: `key: what`."""
    said, _, place = str(problem).partition(" - at `")
    key = place.rstrip("`").removeprefix("key in ").removeprefix("$").removeprefix(".")
    if found := re.fullmatch(r"Object contains unknown field `(.*)`", said, re.DOTALL):
        what = f"unknown key {found[1]!r}"
        if kind is Settings and (new := _RENAMED.get(f"{key}.{found[1]}")):
            what += f"; it is called {new} now"
        else:
            what += did_you_mean(found[1], _words(msgspec.inspect.type_info(kind)))
    elif found := re.fullmatch(r"Object missing required field `(.*)`", said):
        what = f"the key {found[1]!r} is missing"
    elif found := re.fullmatch(r"Invalid enum value '(.*)'", said, re.DOTALL):
        hint = did_you_mean(found[1], _words(msgspec.inspect.type_info(kind)))
        what = f"{found[1]!r} is none of the possible values{hint}"
    elif found := re.fullmatch(r"Expected `\w+` (<|<=|>=) (.+)", said):
        bound = {"<": "below", "<=": "at most", ">=": "at least"}[found[1]]
        what = f"it must be {bound} {found[2].removesuffix('.0')}"
    elif found := re.fullmatch(r"Expected `([^`]+)`, got `(\w+)`", said):
        wanted = " or ".join(_KINDS.get(name, name) for name in found[1].split(" | "))
        what = f"it must be {wanted}, not {_KINDS.get(found[2], found[2])}"
    elif found := re.fullmatch(r"Expected `array` of length (\d+), got (\d+)", said):
        what = f"it must be a list of {found[1]}, not of {found[2]}"
    elif found := re.fullmatch(r"Expected `str` matching regex '\^\((.+)\)\$'", said):
        what = f"a key is none of {found[1].replace('|', ', ')}"
    else:
        what = "it is blank" if "matching regex" in said else said
    if key.endswith("[...]"):  # of a table whose keys are free
        key, what = key.removesuffix("[...]"), what.replace("it must", "every value must")
    return f"{key}: {what}" if key else what


def _words(kind: Any) -> Iterator[str]:
    """The keys and the fixed values of a type, and of the types in it."""
    yield from (value for value in getattr(kind, "values", ()) if isinstance(value, str))
    for field in getattr(kind, "fields", ()):
        yield field.encode_name
        yield from _words(field.type)
    inner = (getattr(kind, name, None) for name in ("key_type", "value_type", "item_type"))
    for other in (*getattr(kind, "types", ()), *getattr(kind, "item_types", ()), *inner):
        yield from _words(other) if other is not None else ()
