"""Read what users declare: params.yaml as typed settings, other TOML and YAML as typed values.

An unknown key is an error that suggests the likely spelling; it never falls back to a default. If a
parameter is a dictionary, a key that params.yaml does not name keeps its default. A duplicate key
is an error too: TOML refuses it, but YAML would silently take the last.
"""

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from pipeline.errors import DeclarationError, explained
from pipeline.records import TASKS, SplitKey, TaskKey

#: The largest count: counts are stored in 32 bits.
_MOST: Final = 2**31 - 1
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Number = Annotated[float, msgspec.Meta(ge=0, le=_MOST)]
Count = Annotated[int, msgspec.Meta(ge=1, le=_MOST)]
Name = Annotated[str, msgspec.Meta(pattern=r"\S")]
#: The file of parameters, unless another is named.
PARAMS: Final = Path("params.yaml")
_TODO: Final = "correct the file"
#: How many names a message lists where there are very many.
_LISTED: Final = 12
#: Type name in messages of msgspec -> in ours.
_KINDS: Final = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a table of keys",
    "null": "nothing",
}
#: Pattern, as messages of msgspec quote it -> what is wrong with text that does not match it.
_PATTERNS: Final = {
    r"'\\S'": "it is blank",
    r"'^https?://[^/\\s]+/'": "it is no address on the web: use https:// or http://",
}


class _Section(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    def __post_init__(self) -> None:
        """Fill dictionaries with the defaults of the keys that they do not name."""
        for field in msgspec.structs.fields(self):
            if callable(field.default_factory) and isinstance(
                named := getattr(self, field.name), dict
            ):
                whole = {**field.default_factory(), **named}
                msgspec.structs.force_setattr(self, field.name, whole)


class Normalize(_Section, frozen=True):
    """How raw files become records."""

    #: More rejects than this share of a split is an error, unless the edition declares them.
    max_reject_rate: Share = 0.02
    #: How many records a file of records holds.
    records_per_shard: Count = 20_000
    #: Whether the texts of tokenized English sources are restored to "word, (word)", or kept as
    #: "word , ( word )", which is what the field publishes.
    detokenize: bool = True
    #: Whether what a source left in its texts (HTML entities, lost fonts, markup) is repaired, as
    #: its declaration says under [repairs].
    repair: bool = True
    #: What becomes of mentions that are joined from fragments which stand apart: "keep", or "omit"
    #: with the roles and relations that they fill, which are counted.
    joined_fragments: Literal["keep", "omit"] = "keep"
    #: Split longer texts between sentences, see `normalize/windows.py`; null: never.
    window_chars: Count | None = None


#: Odd annotations that can be fixed, see `pipeline/clean/hygiene.py`.
Fixable = Literal[
    "mention_not_in_text",
    "span_with_two_labels",
    "relation_to_itself",
    "event_without_trigger",
    "event_without_arguments",
    "empty_event",
    "text_too_long",
    "few_words",
    "wrong_language",
    "image_markup",
]


class Clean(_Section, frozen=True):
    """The thresholds of the cleaning rules, and which odd annotations are fixed."""

    #: Texts with a larger share of characters that are not letters are dropped.
    max_non_letter_share: Share = 0.8
    #: Texts with fewer characters and no annotation are dropped.
    min_characters: Annotated[int, msgspec.Meta(ge=0, le=_MOST)] = 5
    #: Texts with a larger share of stop words among their words are dropped.
    max_stop_word_share: Share = 0.8
    #: Texts with more characters are reported as long.
    long_text: Count = 5000
    #: Odd annotations to fix; the others are only reported, in `clean/<id>/hygiene.json`.
    fix: list[Fixable] = []


Policy = Literal["drop", "keep", "first", "merge"]


class Dedupe(_Section, frozen=True):
    """What to do with texts that occur more than once."""

    #: Split -> what to do with a text that has different annotations; datasets may override it.
    conflicts: dict[SplitKey, Policy] = msgspec.field(
        default_factory=lambda: {"train": "drop", "dev": "keep", "test": "keep"}
    )
    #: Whether train texts are looked for in the test splits of all datasets, or only of their own.
    across_datasets: bool = True
    #: Datasets, best first: if two of them annotate a text differently, the later one's record is
    #: dropped, unless it is a test record.
    prefer: list[str] = []
    #: Whether near-duplicates are ignored, only reported, or dropped as duplicates are.
    near_duplicates: Literal["ignore", "report", "drop"] = "report"
    #: The Jaccard similarity of character n-grams from which two texts are near-duplicates.
    near_duplicate_similarity: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.8
    #: Whether passages that train and dev records share with a test are ignored, only reported, or
    #: reason to drop the record; see `dedupe/overlap.py`.
    overlap: Literal["ignore", "report", "drop"] = "report"
    #: How long a passage is, in words.
    overlap_words: Count = 13
    #: How long it is in languages that put no blanks between words, in characters.
    overlap_characters: Count = 20
    #: Files of outside benchmarks, or folders of them, which count as tests.
    against: list[str] = []


class Negatives(_Section, frozen=True):
    """How the dictionary is built."""

    #: "corpus", or the name or path of a sentence-transformers model.
    encoder: str = "corpus"
    #: The revision of a model from the Hub, such as a commit; no other is loaded.
    encoder_revision: str | None = None
    #: The sha256 of a model's folder; no other is loaded.
    encoder_sha256: str | None = None
    #: The device of such a model, e.g. "cuda"; null chooses one.
    device: str | None = None
    #: How many near labels a label has at most.
    top_k: Count = 6
    #: How similar a near label is at least, in standard deviations above the mean of the labels of
    #: its dataset and task.
    min_similarity: Annotated[float, msgspec.Meta(ge=-_MOST, le=_MOST)] = 0.0
    #: Whether nearness is made mutual; a label may then have more than `top_k` near labels.
    symmetric: bool = False
    #: Signal -> its weight in the combined vector; 0 leaves it out.
    weights: dict[str, Number] = msgspec.field(
        default_factory=lambda: {
            "name": 2.0,
            "guideline": 0.0,
            "mentions": 1.0,
            "contexts": 0.5,
            "signature": 1.0,
            "confused_alike": 0.5,
            "confusions": 1.0,
        }
    )
    #: The weight of having the same near labels, relative to all signals together.
    shared_neighbors: Number = 1.0
    #: How many annotations are read per label, chosen by hash.
    mentions_per_label: Count = 200


class Instruct(_Section, frozen=True):
    """How label batches are made."""

    #: Another seed gives other label batches.
    seed: int = 0
    #: Task -> how many labels an instruction asks at most.
    labels_per_instruction: dict[TaskKey, Count] = msgspec.field(
        default_factory=lambda: {**dict.fromkeys(TASKS, 4), "NER": 6, "KG": 1}
    )
    #: How many label batches without a positive are asked for each with one: on average over a
    #: dataset's task ("confusable"), else at most per record; null asks all.
    pure_negative_ratio: Number | None = 1.5
    #: The share of train records without a positive that are asked at all.
    negative_record_rate: Share = 1.0
    #: About how many train instructions to make: records are chosen that cover labels, datasets
    #: and lengths evenly, see `instruct/budget.py`; null: of all records.
    budget: Count | None = None
    #: How labels are grouped, see `instruct/confusable.py` and `instruct/batching.py`.
    grouping: Literal["confusable", "round_robin", "shuffle", "contrast"] = "confusable"
    #: In how many ways "confusable" divides the labels into sets.
    ways: Count = 64
    #: What to do with labels left over after full batches. "fill": what the grouping does, so that
    #: all batches have one size. "reference": what IEPile's own code does, whatever the grouping.
    remainder: Literal["fill", "reference"] = "fill"
    #: What to ask in tasks whose annotation does not cover every label of a text: only what the
    #: source decided, only what is present, everything, or nothing; see `instruct/asking.py`.
    incomplete: Literal["given", "positives", "ask", "skip"] = "given"
    #: What labels are called, in all stages: names that are understood without knowing the dataset,
    #: or those that IEPile prints.
    names: Literal["readable", "published"] = "readable"
    #: What an instruction tells the model: "default", or a file of texts, see
    #: `instruct/templates.py`.
    templates: Name = "default"
    #: Values of roles and attributes: as IEPile prints them (a string for one, a list for several,
    #: "NAN" for a role of none), always a list, or always a string, which holds several as JSON.
    role_values: Literal["published", "list", "string"] = "published"
    #: Whether instructions say what labels mean, if the dataset describes them: {label:
    #: description} instead of a list, or an entry "description" if a label is asked as an object.
    descriptions: bool = False
    #: Whether a task of which a label means something else in another dataset, as the map of
    #: labels finds, is asked with what its labels mean ("qualify"), or by names alone ("keep").
    conflicts: Literal["keep", "qualify"] = "keep"
    #: Whether train records are also asked for labels by their aliases, if the dataset has any.
    aliases: bool = False

    def k(self, task: str) -> int:
        """Return how many labels an instruction of this task asks at most."""
        return self.labels_per_instruction[task]

    @property
    def of_corpus(self) -> bool:
        """Whether what is asked of a dataset follows from other datasets too."""
        return self.budget is not None or self.conflicts == "qualify"

    @property
    def in_sets(self) -> bool:
        """Whether the sets of labels are made once for a whole dataset."""
        return self.grouping == "confusable" and self.remainder == "fill"


class Publish(_Section, frozen=True):
    """How the corpus is written."""

    #: How many rows a file of the corpus holds.
    rows_per_shard: Count = 200_000
    #: Uncompressed bytes per shard; if given, `rows_per_shard` does not count.
    bytes_per_shard: Count | None = None
    #: Dataset -> how many train rows of each task are published at most, chosen by hash.
    max_rows: dict[str, Count] = {}
    #: Dataset -> how often its train rows occur: 2 is twice; 1.5 is half of them twice, by hash.
    repeat: dict[str, Annotated[float, msgspec.Meta(ge=1, le=_MOST)]] = {}
    #: The folder or name of a Hugging Face tokenizer, which measures the lengths in the card.
    tokenizer: str | None = None


class Settings(_Section, frozen=True):
    """All parameters of the pipeline; the defaults are those of params.yaml."""

    #: The folder of raw files, with a folder for each dataset. `iepile use` changes it.
    raw: Name = "raw/sample"
    #: The ids of the datasets to run; a dataset's declaration names its reader.
    datasets: list[str] = []
    #: Ask "no relation" as a label with this name, e.g. "else", instead of dropping it.
    no_relation_label: Name | None = None
    normalize: Normalize = Normalize()
    clean: Clean = Clean()
    dedupe: Dedupe = Dedupe()
    negatives: Negatives = Negatives()
    instruct: Instruct = Instruct()
    publish: Publish = Publish()


def load(named: Path | None = None) -> Settings:
    """Read and validate parameters from a named file, or from params.yaml.

    If the current folder has no params.yaml, return the defaults. Raises `DeclarationError`.
    """
    path = named or PARAMS
    if named is None and not os.path.lexists(path):
        return Settings()
    if not path.is_file():
        what = "cannot read the parameters: there is no such file"
        todo = "run in the project folder, or name the file with --params"
        raise DeclarationError(what, where=path, todo=todo)
    todo = "correct it; pipeline/config.py says what every parameter means"
    settings: Settings = read_yaml(path, Settings, todo)
    return settings


def read_toml(path: Path, kind: Any) -> Any:
    """Return the content of a TOML file as `kind`. Raises `DeclarationError`."""
    return _read(path, kind, tomllib.loads, _TODO)


def read_yaml(path: Path, kind: Any, todo: str = _TODO) -> Any:
    """Return the content of a YAML file as `kind`; an empty file counts as an empty table.

    Raises `DeclarationError`.
    """
    return _read(path, kind, _parsed_yaml, todo)


def _read(path: Path, kind: Any, parse: Callable[[str], Any], todo: str) -> Any:
    try:
        return msgspec.convert(parse(_text(path)), kind)
    except msgspec.ValidationError as problem:
        what = in_words(problem, kind)
    except ValueError as problem:
        what = str(problem)
    except RecursionError:
        what = "values are nested too deeply"
    raise DeclarationError(what, where=path, todo=todo)


@lru_cache(maxsize=1)
def _parsed_yaml(text: str) -> Any:
    """Parse YAML; the last text is remembered: params.yaml is read again after each stage."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        content = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1
        raise ValueError(f"{problem.problem}, on line {line}") from None
    except YAMLError as problem:
        raise ValueError(str(problem)) from None
    return {} if content is None else content


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return a suggestion to append to a misspelled word: ", did you mean 'x'?", or nothing."""
    close = get_close_matches(str(word), [*known], 1)
    return f", did you mean {close[0]!r}?" if close else ""


def check_known(names: Iterable[str], known: Iterable[str], what: str, where: object) -> None:
    """Raise `DeclarationError` with a suggestion for the first name that is not known."""
    known = [*known]
    for name in names:
        if name not in known:
            what = f"there is no {what} {name!r}{did_you_mean(name, known)}"
            raise DeclarationError(what, where=where, todo=f"use one of: {_nearest(name, known)}")


def _nearest(word: str, known: list[str]) -> str:
    """Return the names, or of many names the nearest ones and how many more there are."""
    if len(known) <= 2 * _LISTED:
        return ", ".join(known)
    nearest = get_close_matches(word, known, _LISTED, cutoff=0)
    return f"{', '.join(nearest)}, or one of {len(known) - len(nearest)} more"


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as problem:
        raise explained(problem, path) or DeclarationError(
            f"cannot read: {problem.strerror}", where=path, todo="check the path"
        ) from None
    except UnicodeDecodeError as problem:
        what = f"byte {problem.start} is not valid UTF-8"
        raise DeclarationError(what, where=path, todo="save the file as UTF-8") from None


def in_words(problem: msgspec.ValidationError, kind: Any) -> str:
    """Say in plain words what is wrong with a value that should be of this kind: `key: what`."""
    message, _, place = str(problem).partition(" - at `")
    key = place.rstrip("`").removeprefix("key` in `").removeprefix("$").removeprefix(".")
    if match := re.fullmatch(r"Object contains unknown field `(.*)`", message, re.DOTALL):
        known = _words(msgspec.inspect.type_info(kind))
        what = f"unknown key {match[1]!r}{did_you_mean(match[1], known)}"
    elif match := re.fullmatch(r"Object missing required field `(.*)`", message):
        what = f"the key {match[1]!r} is missing"
    elif match := re.fullmatch(r"Invalid enum value '(.*)'", message, re.DOTALL):
        values = [*_words(_kind_at(place, kind), keys=False)]
        what = f"{match[1]!r} is none of {', '.join(values)}{did_you_mean(match[1], values)}"
    elif match := re.fullmatch(r"Expected `\w+` (<|<=|>=) (.+)", message):
        bound = {"<": "below", "<=": "at most", ">=": "at least"}[match[1]]
        what = f"it must be {bound} {match[2].removesuffix('.0')}"
    elif match := re.fullmatch(r"Expected `([^`]+)`, got `(\w+)`", message):
        wanted = " or ".join(_KINDS.get(name, name) for name in match[1].split(" | "))
        what = f"it must be {wanted}, not {_KINDS.get(match[2], match[2])}"
    elif match := re.fullmatch(r"Expected `array` of length (\d+), got (\d+)", message):
        what = f"it must be a list of {match[1]}, not of {match[2]}"
    elif match := re.fullmatch(r"Expected `str` matching regex ('.*')", message):
        what = _PATTERNS.get(match[1], f"must match {match[1]}")
    else:
        what = message
    if key.endswith("[...]"):  # a table in which any key is allowed
        key, what = key.removesuffix("[...]"), what.replace("it must", "every value must")
    return f"{key}: {what}" if key else what


def _kind_at(place: str, kind: Any) -> Any:
    """Return the type at a place that a message names: `$.splits[...].counts`, or a key there."""
    inside = msgspec.inspect.type_info(kind)
    path = place.removeprefix("key` in `")
    for step in re.findall(r"\w+|\[", path):
        by_name = {field.encode_name: field.type for field in getattr(inside, "fields", ())}
        inner = (getattr(inside, name, None) for name in ("value_type", "item_type"))
        inside = by_name.get(step) or next(filter(None, inner), inside)
    return getattr(inside, "key_type", inside) if path != place else inside


def _words(kind: Any, *, keys: bool = True) -> Iterator[str]:
    """Yield the keys of a type and of the types inside it; else their fixed values."""
    if not keys:
        yield from (value for value in getattr(kind, "values", ()) if isinstance(value, str))
    for field in getattr(kind, "fields", ()):
        if keys:
            yield field.encode_name
        yield from _words(field.type, keys=keys)
    inner = (getattr(kind, name, None) for name in ("key_type", "value_type", "item_type"))
    for other in (*getattr(kind, "types", ()), *getattr(kind, "item_types", ()), *inner):
        yield from _words(other, keys=keys) if other is not None else ()
