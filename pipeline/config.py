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
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from pipeline.errors import DeclarationError, explained
from pipeline.records import SPLITS, TASKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Counts are written as 32 bits.
_MOST = 2**31 - 1
#: Read where no file of parameters is named.
PARAMS: Final = Path("params.yaml")
_UNKNOWN: Final = re.compile(r"unknown field `(.*?)`", re.DOTALL)
_DEEPEST: Final = 100
_DEEP: Final = "values are nested too deeply"
_TODO: Final = "correct the file"


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
    max_reject_rate: float = 0.02
    records_per_shard: int = 20_000
    #: Part texts of more characters between sentences, see `normalize/windows.py`; null: never.
    max_chars: int | None = None


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

    max_non_letter_share: float = 0.8
    min_characters: int = 5
    max_stop_word_share: float = 0.8
    #: Texts of more characters than this are reported as long.
    long_text: int = 5000
    #: Odd annotations to mend; the others are only reported, in `clean/<id>/hygiene.json`.
    fix: list[Fixable] = []


Policy = Literal["drop", "keep", "first", "merge"]


class Dedupe(_Section, frozen=True):
    """What becomes of texts that occur more than once."""

    #: What becomes of one text with different annotations; a dataset may declare its own.
    conflicts: dict[str, Policy] = msgspec.field(
        default_factory=lambda: {"train": "drop", "dev": "keep", "test": "keep"}
    )
    #: Look for train texts in the test splits of every dataset, or of their own dataset only.
    across_datasets: bool = True
    #: Whether nearly equal texts are looked for, and dropped where equal ones would be duplicates.
    near_duplicates: Literal["ignore", "report", "drop"] = "report"
    #: From which share of their character n-grams in common (Jaccard) two texts are nearly equal.
    near_duplicate_similarity: float = 0.8


class Negatives(_Section, frozen=True):
    """How the dictionary is built."""

    #: "corpus", or the name or path of a sentence-transformers model.
    encoder: str = "corpus"
    #: Its revision on the Hub, or the sha256 of its folder: no other is loaded.
    revision: str | None = None
    #: Where such a model runs, e.g. "cuda"; null chooses.
    device: str | None = None
    #: A label has at most so many near labels, ...
    top_k: int = 6
    #: ... each nearer than this, in deviations above the mean of all pairs of its inventory.
    min_similarity: float = 0.0
    #: Near labels are near in both directions; `top_k` may then be exceeded.
    symmetric: bool = False
    #: Signal -> weight of its block in the fused vector; 0 leaves it out.
    weights: dict[str, float] = msgspec.field(
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
    shared_neighbours: float = 1.0
    #: Annotations read per label, chosen by hash.
    mentions_per_label: int = 200


class Instruct(_Section, frozen=True):
    """How label batches are made."""

    seed: int = 0
    #: Task -> labels.
    labels_per_instruction: dict[str, int] = msgspec.field(
        default_factory=lambda: {**dict.fromkeys(TASKS, 4), "NER": 6, "KG": 1}
    )
    #: Batches without a positive for each that has one: so many in the mean of a dataset's task
    #: ("confusable"), else at most so many in a record; null: all that there are.
    pure_negative_ratio: float | None = 1.5
    #: The share of the train records without a positive that are asked at all.
    negative_record_rate: float = 1.0
    #: Which labels stand together, see `instruct/confusable.py` and `instruct/batching.py`.
    grouping: Literal["confusable", "round_robin", "shuffle", "contrast"] = "confusable"
    #: In how many ways "confusable" parts the labels into sets.
    ways: int = 64
    #: Group and cut labels as IEPile's own code does, whatever `grouping` says.
    peer: bool = False
    #: Ask labels as {label: description} where a dataset describes them.
    descriptions: bool = False
    #: Ask train records for labels by their aliases as well, where a dataset has them.
    aliases: bool = False

    def k(self, task: str) -> int:
        """How many labels an instruction of this task asks at most."""
        return self.labels_per_instruction[task]

    @property
    def in_sets(self) -> bool:
        """Whether labels are asked in sets that are made for a whole dataset."""
        return self.grouping == "confusable" and not self.peer


class Publish(_Section, frozen=True):
    """How the corpus is written."""

    rows_per_shard: int = 200_000
    #: Uncompressed bytes a shard should hold; where given, it decides instead of the rows.
    bytes_per_shard: int | None = None
    #: Dataset -> how many train rows of each task it gives at most, chosen by hash.
    max_rows: dict[str, int] = {}
    #: Dataset -> how often its train rows occur: 2 twice, 1.5 half of them twice, by hash.
    repeat: dict[str, float] = {}
    #: The folder or name of a Hugging Face tokenizer, for the lengths in the card; else characters.
    tokenizer: str | None = None


class Settings(_Section, frozen=True):
    """All parameters of the pipeline; the defaults are those of params.yaml."""

    raw: str = "raw/sample"
    #: The ids of the datasets to run; how each is read stands in its declaration.
    datasets: list[str] = []
    #: Ask "no relation" as a label of this name, e.g. "else", instead of dropping it.
    no_relation_label: str | None = None
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
    _bounds(settings, path)
    return settings


def _bounds(settings: Settings, path: Path) -> None:
    """Refuse numbers that no run could mean, and names of what there is not."""
    n, c, d, i = settings.normalize, settings.clean, settings.dedupe, settings.instruct
    p, near = settings.publish, settings.negatives
    shares: dict[str, Any] = {
        "normalize.max_reject_rate": n.max_reject_rate,
        "clean.max_non_letter_share": c.max_non_letter_share,
        "clean.max_stop_word_share": c.max_stop_word_share,
        "dedupe.near_duplicate_similarity": d.near_duplicate_similarity,
        "instruct.negative_record_rate": i.negative_record_rate,
    }
    if d.near_duplicate_similarity == 1:
        raise DeclarationError(
            "dedupe.near_duplicate_similarity is 1: equal texts are found as such",
            where=path,
            todo="write a share below 1, such as 0.8",
        )
    for key, share in shares.items():
        if not 0 <= share <= 1:
            raise DeclarationError(
                f"{key} is {share}, not a share from 0 to 1",
                where=path,
                todo="write 0.8 for 80 %; `iepile settings` prints all parameters in force",
            )
    positive: dict[str, Any] = {
        "normalize.records_per_shard": n.records_per_shard,
        "normalize.max_chars": n.max_chars,
        "clean.long_text": c.long_text,
        "negatives.top_k": near.top_k,
        "negatives.mentions_per_label": near.mentions_per_label,
        "instruct.ways": i.ways,
        "publish.rows_per_shard": p.rows_per_shard,
        "publish.bytes_per_shard": p.bytes_per_shard,
        **{f"instruct.labels_per_instruction.{t}": k for t, k in i.labels_per_instruction.items()},
        **{f"publish.max_rows.{name}": rows for name, rows in p.max_rows.items()},
        **{f"publish.repeat.{name}": times for name, times in p.repeat.items()},
    }
    zero: dict[str, Any] = {
        "clean.min_characters": c.min_characters,
        "instruct.pure_negative_ratio": i.pure_negative_ratio,
        "negatives.shared_neighbours": near.shared_neighbours,
        **{f"negatives.weights.{signal}": weight for signal, weight in near.weights.items()},
    }
    least = {**dict.fromkeys(positive, 1), **dict.fromkeys(zero, 0)}
    least["negatives.min_similarity"] = -_MOST
    numbers = {**positive, **zero, "negatives.min_similarity": near.min_similarity}
    for key, number in numbers.items():
        if number is not None and not least[key] <= number <= _MOST:
            told = f"at least {least[key]}" if number < least[key] else f"at most {_MOST}"
            raise DeclarationError(
                f"{key} is {number}, it must be {told}",
                where=path,
                todo="correct it, or leave it out for the default",
            )
    for section, names, known in (
        ("instruct.labels_per_instruction", i.labels_per_instruction, TASKS),
        ("dedupe.conflicts", d.conflicts, SPLITS),
    ):
        if strange := sorted({*names} - {*known}):
            what = f"{section}: unknown {strange[0]!r}{did_you_mean(strange[0], known)}"
            raise DeclarationError(what, where=path, todo=f"use {', '.join(known)}")
    for key, text in (("raw", settings.raw), ("no_relation_label", settings.no_relation_label)):
        if text is not None and not text.strip():
            raise DeclarationError(f"{key} is blank", where=path, todo="give it a value")


def read_toml(path: Path, kind: Any) -> Any:
    """The content of a TOML file as `kind`."""
    try:
        content = tomllib.loads(_text(path))
    except (ValueError, RecursionError) as problem:
        raise _wrong(problem, path) from None
    return _typed(content, kind, path)


def read_yaml(path: Path, kind: Any, todo: str = _TODO) -> Any:
    """The content of a YAML file as `kind`; an empty file is one that sets nothing."""
    import yaml as library

    class Loader(getattr(library, "CSafeLoader", library.SafeLoader)):  # type: ignore[misc]
        pass

    def mapping(loader: Any, node: Any) -> Any:
        keys = [key.value for key, _ in node.value if isinstance(key, library.ScalarNode)]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            line = node.start_mark.line + 1
            what = f"the key {twice!r} stands twice in the mapping of line {line}"
            raise DeclarationError(what, where=path, todo="keep one of them")
        return library.SafeLoader.construct_yaml_map(loader, node)

    Loader.add_constructor("tag:yaml.org,2002:map", mapping)
    text, depth = _text(path), 0
    try:
        # The C loader would recurse until the stack ends; its events come one after the other.
        for event in library.parse(text, Loader):
            depth += isinstance(event, library.CollectionStartEvent)
            depth -= isinstance(event, library.CollectionEndEvent)
            if depth > _DEEPEST:
                break
        if depth > _DEEPEST:
            raise DeclarationError(_DEEP, where=path, todo=todo)
        content = library.load(text, Loader)  # noqa: S506 - it is a safe loader
    except (library.YAMLError, ValueError, RecursionError) as problem:
        raise _wrong(problem, path, todo=todo) from None
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
    except (msgspec.ValidationError, RecursionError) as problem:
        mapped = content.get("datasets") if isinstance(content, dict) else None
        if kind is Settings and isinstance(mapped, dict):
            raise DeclarationError(
                "datasets is a mapping: how a dataset is read stands in its declaration alone",
                where=path,
                todo=f"list the ids: datasets: [{', '.join(map(str, [*mapped][:3]))}]",
            ) from None
        found = _UNKNOWN.search(str(problem))
        hint = did_you_mean(found[1], _fields(msgspec.inspect.type_info(kind))) if found else ""
        raise _wrong(problem, path, hint, todo) from None


def _wrong(problem: Exception, path: Path, hint: str = "", todo: str = _TODO) -> DeclarationError:
    told = _DEEP if isinstance(problem, RecursionError) else f"{problem}{hint}"
    return DeclarationError(told, where=path, todo=todo)


def _fields(kind: Any) -> Iterator[str]:
    """The names of all fields of a type, and of the types in it."""
    for field in getattr(kind, "fields", ()):
        yield field.encode_name
        yield from _fields(field.type)
    for inner in (*getattr(kind, "types", ()), getattr(kind, "value_type", None)):
        yield from _fields(inner) if inner is not None else ()
    if (item := getattr(kind, "item_type", None)) is not None:
        yield from _fields(item)
