r"""Running text with labeled spans in double braces, one document a line.

    {{time:昨天}}，{{company_name: 远帆科技}}总裁{{person_name:乔一鸣}}到访。\n\n会谈持续两小时。

Marks may be nested. The blanks of a marked string belong to the text and not to the mention. The
two characters `\n` are a line break. An opening with a single brace counts as well, for it is a
slip where two braces close it; any other brace is text.
"""

import re
from typing import Final

from pipeline.readers._paths import Rows
from pipeline.readers._source import EXCERPT, trimmed
from pipeline.readers._text import unmarked
from pipeline.readers.json_rows import lines_of, shaped
from pipeline.records import Reject

#: An opening brace without a label is a mark too, so that it is reported.
_MARK: Final = re.compile(r"\{\{?([A-Za-z_]+):|\}\}|\{\{()")


def _row(origin: str, line: str, _: object) -> Rows:
    text, spans = unmarked(line.replace("\\n", "\n"), _MARK) or ("", [(0, 0, "")])
    if not all(label for *_, label in spans):
        lost = sum(bool(label) for label, _ in _MARK.findall(line))
        yield origin, Reject(origin, "unbalanced_braces", "", line[:EXCERPT], entities=lost)
    else:
        yield origin, {"text": text, "spans": [[x, *trimmed(text, s, e)] for s, e, x in spans]}


read, _ = shaped("spans", _row, lines_of)
