"""What the pages of the documentation hold: blocks of code, links, headings."""

import html
import json
import re
from typing import NamedTuple

import pyarrow.parquet as pq

from tests.conftest import ROOT

_FENCE = re.compile(
    r"(?:^(?P<mark><!--[^\n]*-->)\n)?"
    r"^(?P<indent> *)```(?P<kind>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```",
    re.MULTILINE | re.DOTALL,
)
_INLINE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")


class Block(NamedTuple):
    """A fenced block; `mark` is the comment on the line before it, without its dashes."""

    page: object
    line: int
    kind: str
    text: str
    mark: str


def all_pages():
    """README, CONTRIBUTING and all pages of docs/."""
    found = [*ROOT.glob("README*.md"), ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")]
    return sorted(found)


def name_of(page):
    return page.relative_to(ROOT).as_posix()


def blocks(page):
    text = page.read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        mark = (match["mark"] or "").removeprefix("<!--").removesuffix("-->").strip()
        indent = match["indent"]
        lines = [line.removeprefix(indent) for line in match["text"].splitlines(keepends=True)]
        line = text[: match.start("kind")].count("\n") + 1
        yield Block(page, line, match["kind"], "".join(lines), mark)


def inline(page):
    """What stands between backticks."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return [" ".join(code.strip("`").split()) for code in re.findall(r"`[^`]+`", text)]


def links(page):
    """The targets of all links and images, but for those inside of code."""
    text = _INLINE.sub("", _FENCE.sub("", page.read_text(encoding="utf-8")))
    return [one or other for one, other in _LINK.findall(text)]


def anchors(page):
    """The anchors of a page's headings, as forges and mkdocs make them."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    found = {*re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text)}
    for heading in re.findall(r"^#+ +(.*?) *$", text, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        plain = re.sub(r"[^\w\- ]", "", html.unescape(plain)).strip().lower()
        found.add(plain.replace(" ", "-"))
    return found


def rows(folder):
    """All rows of the files in a folder, or of those whose names begin with its last part."""
    paths = folder.glob("**/*") if folder.is_dir() else folder.parent.glob(f"{folder.name}-*")
    for path in sorted(p for p in paths if p.is_file()):
        if path.suffix == ".parquet":
            found = pq.read_table(path).to_pylist()
        elif path.suffix == ".jsonl" or "IE-" in path.as_posix():
            found = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        elif path.suffix == ".json":
            found = json.loads(path.read_bytes())
            found = found if isinstance(found, list) else []
        else:
            found = []
        yield from (row for row in found if isinstance(row, dict))


def shows(shown, real):
    """Whether a page may show `shown` for `real`: keys may be left out, "…" stands for anything."""
    if shown in ("…", ["…"]):
        return True
    if isinstance(shown, dict | list) and isinstance(real, str):
        real = json.loads(real)
    if isinstance(shown, dict):
        return isinstance(real, dict) and all(
            key in real and shows(value, real[key]) for key, value in shown.items()
        )
    if isinstance(shown, list):
        return (
            isinstance(real, list)
            and len(shown) == len(real)
            and all(map(shows, shown, real))
        )  # fmt: skip
    if isinstance(shown, str) and "…" in shown and isinstance(real, str):
        return (
            re.fullmatch(".*".join(map(re.escape, shown.split("…"))), real, re.DOTALL) is not None
        )
    return shown == real
