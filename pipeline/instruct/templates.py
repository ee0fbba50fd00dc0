"""What instructions tell a model: texts per task and language, ours or those of a file.

A file is either TOML in the form of `templates.toml` beside this module, or rows of another corpus
in IEPile's form, one JSON object per line, whose distinct instruction texts are used. What a file
lacks is taken from ours. A language that has no texts is asked in English.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from pipeline import config, hashing
from pipeline.errors import DeclarationError
from pipeline.tasks._answers import dumps

#: Tasks whose answers give a string for one value of a role or attribute, and a list for several.
LISTED: Final = ("EE", "EEA", "KG")
#: Task -> language -> texts that say the same. RE_PAIR asks about one pair that is given, EE_LIST
#: and so on ask for values that are always lists, EE_STRING and so on for strings.
Texts = dict[str, dict[str, list[str]]]
OURS: Final = Path(__file__).parent / "templates.toml"
_TODO: Final = (
    "name a TOML, or rows in IEPile's form; `default` is pipeline/instruct/templates.toml"
)
#: Salt: which text a record gets must not depend on whether it is asked at all.
_TEXT: Final = np.uint64(0x5458)


class _Row(msgspec.Struct):
    task: str
    instruction: str


class _Instruction(msgspec.Struct):
    instruction: str


def templates(named: str = "default") -> Texts:
    """Return the texts that `instruct.templates` names.

    Raises DeclarationError if a file cannot be read or gives no text.
    """
    if named == "default":
        return _read(OURS)
    path = Path(named)
    if not path.is_file():
        raise DeclarationError("there is no such file of templates", where=path, todo=_TODO)
    stat = path.stat()
    given = _read(path, (stat.st_mtime_ns, stat.st_size))
    config.check_known(given, _read(OURS), "task", path)
    return {task: {**ours, **given.get(task, {})} for task, ours in _read(OURS).items()}


@cache
def _read(path: Path, version: object = None) -> Texts:
    """Return the texts of a file, which is read again if its `version` has changed."""
    del version
    if path.suffix == ".toml":
        texts: Texts = config.read_toml(path, Texts)
    else:
        texts = {}
        for task, text in _of_rows(path):
            language = "en" if text.isascii() else "zh"
            listed = texts.setdefault(task, {}).setdefault(language, [])
            listed += [text] if text not in listed else []
    empty = [f"{task} {lang}" for task, langs in texts.items() for lang in langs if not langs[lang]]
    if empty or not texts:
        what = f"no template for {', '.join(empty)}" if empty else "no template"
        raise DeclarationError(what, where=path, todo=_TODO)
    return texts


def _of_rows(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (task, instruction text) of every row of a corpus in IEPile's form."""
    with path.open("rb") as lines:
        for n, line in enumerate(lines, 1):
            try:
                row = msgspec.json.decode(line, type=_Row)
                yield row.task, msgspec.json.decode(row.instruction, type=_Instruction).instruction
            except (msgspec.DecodeError, UnicodeDecodeError) as problem:
                what = f"this is no row with a task and an instruction: {problem}"
                raise DeclarationError(what, where=f"{path}:{n}", todo=_TODO) from None


def openings(texts: Sequence[str], ids: Any, row: Any) -> Any:
    """Return the beginning of every instruction, up to its schema, as Arrow strings.

    `ids` are the records' ids, `row` the record of each instruction; the hash of a record's id
    decides which of the texts it gets.
    """
    choices = pa.array([f'{{"instruction": {dumps(text)}, "schema": ' for text in texts])
    if len(texts) == 1:
        return choices[0]
    chosen = hashing.mix64(hashing.hashes(ids.to_pylist()) ^ _TEXT) % np.uint64(len(texts))
    return choices.take(pa.array(chosen).take(row))


def texts_for(named: str, task: str, language: str, split: str) -> list[str]:
    """Return the texts for a task: all in train, only the first in dev and test."""
    by_language = templates(named)[task]
    texts = by_language.get(language, by_language["en"])
    return texts if split == "train" else texts[:1]
