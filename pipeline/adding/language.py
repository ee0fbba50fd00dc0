"""Detect the language of texts by their script, and in Latin script by their most common words.

Only the texts count: keys, tags and labels are often English whatever the language of the text.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

_DATA: Final[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("languages.toml").read_text(encoding="utf-8")
)
_LETTERS: Final = {code: re.compile(f"[{span}]") for code, span in _DATA["scripts"].items()}
_VARIANTS: Final = {
    script: {code: re.compile(pattern) for code, pattern in patterns.items()}
    for script, patterns in _DATA["variants"].items()
}
_WORDS: Final = {code: frozenset(words.split()) for code, words in _DATA["small_words"].items()}
_NEAR: Final = [frozenset(group) for group in _DATA["near"]["groups"]]
#: Languages in which only one end of a mention must be at the end of a word.
AFFIXED: Final = frozenset(_DATA["words"]["affixed"])
_TOKEN: Final = re.compile(r"[^\W\d_]+")
#: Reading stops after this many characters.
_ENOUGH: Final = 400_000


def disagreement(declared: str, texts: Iterable[str]) -> str | None:
    """Return the language of the texts if it clearly differs from the declared one, else None."""
    detected = spoken(texts)
    known = {*_LETTERS, *_WORDS}.union(*_NEAR)
    if detected is None or detected == declared or declared not in known:
        return None
    return None if any({detected, declared} <= near for near in _NEAR) else detected


def spoken(texts: Iterable[str]) -> str | None:
    """Return the ISO 639-1 code of the language of most texts; None if they hold no letters."""
    scripts: Counter[str] = Counter()
    words: Counter[str] = Counter()
    read = 0
    kept: list[str] = []
    for text in texts:
        read += len(text)
        kept.append(text)
        letters = {code: len(pattern.findall(text)) for code, pattern in _LETTERS.items()}
        scripts.update({code: n for code, n in letters.items() if n})
        scripts["latin"] += sum(map(str.isalpha, text)) - sum(letters.values())
        words.update(_TOKEN.findall(text.lower()))
        if read > _ENOUGH:
            break
    if not scripts.total():
        return None
    if scripts["ja"] * 20 > scripts["zh"] and scripts["ja"] * 10 > scripts["latin"]:
        return "ja"
    # A Chinese character says about as much as three letters.
    weights = {code: n * (3 if code in ("zh", "ko", "ja") else 1) for code, n in scripts.items()}
    script = max(sorted(weights), key=lambda code: weights[code])
    if script != "latin":
        variants = _VARIANTS.get(script, {})
        variant_hits = {code: sum(len(p.findall(t)) for t in kept) for code, p in variants.items()}
        best = max(sorted(variant_hits), key=lambda code: variant_hits[code], default=None)
        return best if best and variant_hits[best] * 100 > scripts[script] else script
    hits = {code: sum(words[w] for w in small) for code, small in _WORDS.items()}
    best = max(hits, key=lambda code: hits[code])
    # Names and titles contain a few foreign words: two more hits than English prove nothing.
    return best if hits[best] > hits["en"] * 1.2 + 2 else "en"
