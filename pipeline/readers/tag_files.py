"""Texts in one file and tags in another, a sentence a line in both.

    seq.in     Ada Falk left Oslo          source.txt    周 岚 在 苏 州
    seq.out    B-PER I-PER O B-LOC         target.txt    B-PER I-PER O B-LOC I-LOC

The files of a split come in pairs: first the texts, then the tags. A sentence of more or fewer tags
than tokens is rejected.
"""

from itertools import zip_longest

from pipeline.errors import RawFileError
from pipeline.readers._paths import Files, Item, Rows
from pipeline.readers._source import lines
from pipeline.readers._tags import Tagged as Options  # noqa: F401 - the catalog asks for it
from pipeline.readers.json_rows import shaped, unchanged


def _paired(files: Files, _: object) -> Rows:
    """Tokens and tags of each line that is not empty in both files."""
    if len(files) % 2:
        what = f"{len(files)} files, which are no pairs of texts and tags"
        todo = "name them in turn: texts, their tags, more texts, their tags"
        raise RawFileError(what, where=", ".join(map(str, files)), todo=todo)
    for texts, tags in zip(files[::2], files[1::2], strict=True):
        for one, other in zip_longest(lines(texts), lines(tags)):
            if one is None or other is None:
                what = f"{(tags if other is None else texts).name} has fewer lines than its pair"
                todo = "check that both files are whole, and that they belong together"
                raise RawFileError(what, where=texts, todo=todo)
            if one[1].strip() or other[1].strip():
                yield one[0], Item({"tokens": one[1].split(), "tags": other[1].split()})


read, _ = shaped("tagged", unchanged, _paired)
