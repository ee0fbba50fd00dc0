"""spaCy's own files (`.spacy`): documents with their entities. Needs the package spaCy.

    train.spacy        binary; `python -m spacy debug data` looks into one

The text is spaCy's, with its blanks, and offsets are exact. `spans` names a group of spans to be
read in the place of the entities, as span categorizers have them.
"""

import zlib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from pipeline.errors import RawFileError
from pipeline.readers._paths import Files, Found, Table
from pipeline.readers._source import files_in
from pipeline.records import Mention, Record


class Options(Table, frozen=True):
    """The group of spans to read; entities where none is named."""

    spans: str = ""


def read(files: Files, options: Options) -> Found:
    """Yield one record per document."""
    for file in files_in(files, ".spacy"):
        for number, document in enumerate(_documents(file), start=1):
            spans = document.spans.get(options.spans, ()) if options.spans else document.ents
            mentions = [Mention(s.text, s.start_char, s.end_char, s.label_) for s in spans]
            yield Record(document.text, f"{file.name}:{number}", mentions)


def _documents(file: Path) -> Iterator[Any]:
    try:
        spacy, tokens = import_module("spacy"), import_module("spacy.tokens")
    except ImportError:
        what = "this is a file of spaCy, and spaCy is not installed"
        todo = "install it with `pip install spacy`, or export the documents as JSON lines"
        raise RawFileError(what, where=file, todo=todo) from None
    try:
        documents = tokens.DocBin().from_disk(file)
    except (OSError, ValueError, KeyError, zlib.error) as problem:
        todo = "check the file or the reader"
        raise RawFileError(f"no file of spaCy: {problem!r:.80}", where=file, todo=todo) from None
    yield from documents.get_docs(spacy.blank("xx").vocab)
