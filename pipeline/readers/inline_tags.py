"""One sentence a line, every token with its tag behind a colon, at the end the sentence's class.

    who:O played:O ariel:B-CHARACTER in:O the:O 3:30:B-TITLE train:I-TITLE <=> <NULL>

The last colon of a piece parts token and tag, since tokens may hold colons. What follows ` <=> ` is
the intent of the query; it is no part of the text. Pieces stand one blank apart.
"""

from pipeline.readers import _tags
from pipeline.readers._paths import Rows
from pipeline.readers._source import EXCERPT
from pipeline.readers._tags import Tagged as Options  # the catalog asks for it
from pipeline.readers.json_rows import lines_of, shaped
from pipeline.records import Reject


def _row(origin: str, line: str, options: Options) -> Rows:
    sentence, mark, _ = line.rpartition(" <=> ")
    pieces = [piece.rpartition(":") for piece in (sentence or line).split(" ")]
    tokens, tags = [piece[0] for piece in pieces], [piece[2] for piece in pieces]
    if mark and all(tokens):
        yield origin, {"tokens": tokens, "tags": tags}
        return
    why, detail = "no_class", "no ` <=> ` in the line"
    if mark:
        why, detail = "missing_tag", f"{tags[tokens.index('')]!r} is no token:tag"
    lost = _tags.count(tags, options)
    yield origin, Reject(origin, why, detail, line[:EXCERPT], entities=lost)


read, _ = shaped("tagged", _row, lines_of)
