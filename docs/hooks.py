"""What mkdocs does besides: pages of the repository that lie outside of docs/ join the site.

In the repository a link goes to the file itself, such as `../../bench/LEAK.md`. In the site, that
file is a page under project/, and a link to anything else outside of docs/ becomes plain text.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

import jieba
from mkdocs.structure.files import File

# The search cuts Chinese words with it; it would tell how long it took to load its own.
jieba.setLogLevel("WARNING")
ROOT = Path(__file__).resolve().parent.parent
#: Files of the repository that are pages of the site.
PROJECT = (
    *("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"),
    *("bench/LEAK.md", "bench/WORTH.md", "bench/RESULTS.md"),
)
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
#: Code is left as it is.
_CODE = re.compile(r"(^```.*?^```|`[^`\n]+`)", re.MULTILINE | re.DOTALL)


def on_files(files, config):
    """Add the pages of the repository."""
    for path in PROJECT:
        content = (ROOT / path).read_text(encoding="utf-8")
        if path.startswith("bench/"):  # tables of figures, which a search would drown in
            content = f"---\nsearch: {{exclude: true}}\n---\n{content}"
        files.append(File.generated(config, f"project/{path}", content=content))
    return files


def on_page_markdown(markdown, page, **_):
    """Let links go where the pages are in the site."""
    source = page.file.src_uri
    pieces = _CODE.split(markdown)
    pieces[::2] = [_LINK.sub(lambda m: _link(m, source), text) for text in pieces[::2]]
    return "".join(pieces)


def _link(match, source):
    """A link of the page `source` as the site has it."""
    mark, text, target = match.groups()
    path, sharp, anchor = target.partition("#")
    if not path or re.match(r"[a-z]+:", path):
        return match[0]
    inside = source.startswith("project/")
    folder = posixpath.dirname(source.removeprefix("project/") if inside else f"docs/{source}")
    found = posixpath.normpath(posixpath.join(folder, path))
    if found in PROJECT:
        place = f"project/{found}"
    elif found in ("README.md", "README.zh.md"):
        place, sharp, anchor = "index.md", "", ""
    elif found.startswith("docs/"):
        place = found.removeprefix("docs/")
    else:
        return text
    place = posixpath.relpath(place, posixpath.dirname(source) or ".")
    return f"{mark}[{text}]({place}{sharp}{anchor})"
