"""The language of texts, told by their script, and among Latin scripts by their smallest words.

Only texts that were read count: keys, tags and labels are often English around any text.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

#: A script -> the language that it is taken for. Kana decide for Japanese, whatever Han is there.
_SCRIPTS: Final = {
    "ja": "\u3040-\u30ff",
    "ko": "\u1100-\u11ff\uac00-\ud7af",
    "zh": "\u3400-\u9fff",
    "ar": "\u0600-\u06ff\u0750-\u077f",
    "he": "\u0590-\u05ff",
    "ru": "\u0400-\u04ff",
    "el": "\u0370-\u03ff",
    "hi": "\u0900-\u097f",
    "bn": "\u0980-\u09ff",
    "ta": "\u0b80-\u0bff",
    "th": "\u0e00-\u0e7f",
    "ka": "\u10a0-\u10ff",
    "hy": "\u0530-\u058f",
    "my": "\u1000-\u109f",
    "km": "\u1780-\u17ff",
}
_LETTERS: Final = {code: re.compile(f"[{span}]") for code, span in _SCRIPTS.items()}
#: Letters that part languages of one script.
_VARIANTS: Final = {
    "ar": {"fa": re.compile("[پچژگک]"), "ur": re.compile("[ٹڈڑے]")},
    "ru": {"uk": re.compile("[іїєґ]"), "bg": re.compile(r"\b(?:съм|като|което|този)\b")},
}
#: Small words that stand in nearly every sentence of a language, and seldom in another's.
_SMALL_WORDS: Final = {
    "en": "the of and to in is was that for with on his by are from were which it at have",
    "de": "der die das und ist von den nicht mit sich ein eine auf dem zu für im wird nach bei",
    "nl": "het een van dat niet zijn ook met voor naar bij aan deze werd wordt maar uit om de",
    "fr": "le la les des et est dans une que pour qui du sur pas avec par au ce il été",
    "es": "el los las del que y una por con para es como más pero fue su en lo se este",
    "pt": "o os as do da em não uma com para por mais foi como ao dos são das pela um",
    "it": "il di che è una per non con del della sono nel alla gli anche dei le si più ha",
    "ro": "și în care din pentru este cu la nu pe mai fost prin sau după sunt ale lui unei al",
    "ca": "els amb una per que dels és als va les també aquesta seva més però aquest han del i al",
    "sv": "och att det som är på av för med den till inte har ett från var jag om så vid",
    "no": "og det som er på av for med til ikke har et fra var jeg om så ble seg hun",
    "da": "og det som er på af for med til ikke har et fra var jeg om så blev sig hun",
    "fi": "ja on ei että oli se hän ovat mutta kuin myös ole joka tai sen kun mukaan vain niin",
    "pl": "w i na z do że się jest nie to o jak przez od po dla oraz był za są",
    "cs": "a se na je že v o s z do by jako ale pro jsou podle byl od jeho tak",
    "hu": "a az és hogy nem is egy van volt meg ez de csak már mint el még ki vagy lesz",
    "tr": "ve bir bu için ile de da olarak çok daha olan gibi kadar ne ama o en sonra var değil",
    "id": "yang dan di dengan untuk dari ini pada itu dalam tidak adalah akan oleh ke juga telah",
    "vi": "và của là có không được trong cho một với các người này đã những để khi tại",
    "hr": "i je u se na za da su od s kao koji nije bio što iz ili ali te biti",
}
_WORDS: Final = {code: frozenset(words.split()) for code, words in _SMALL_WORDS.items()}
_TOKEN: Final = re.compile(r"[^\W\d_]+")
#: So many characters tell enough.
_ENOUGH: Final = 400_000


#: Languages that a few texts do not tell apart.
_NEAR: Final = (
    {"no", "nb", "nn", "da", "sv"},
    {"es", "pt", "ca", "gl", "it"},
    {"hr", "sr", "bs", "sl"},
    {"id", "ms"},
    {"ru", "uk", "bg", "sr", "be", "mk"},
    {"cs", "sk"},
    {"ar", "fa", "ur"},
    {"zh", "yue", "wuu"},
)


def disagreement(declared: str, texts: Iterable[str]) -> str | None:
    """The language that texts are in, where it is clearly not the one that is declared."""
    found = spoken(texts)
    known = {*_LETTERS, *_WORDS}.union(*_NEAR)
    if found is None or found == declared or declared not in known:
        return None
    return None if any({found, declared} <= near for near in _NEAR) else found


def spoken(texts: Iterable[str]) -> str | None:
    """The ISO 639-1 code of the language that most of the texts are in; None where none shows."""
    scripts: Counter[str] = Counter()
    words: Counter[str] = Counter()
    read = 0
    kept: list[str] = []
    for text in texts:
        read += len(text)
        kept.append(text)
        found = {code: len(pattern.findall(text)) for code, pattern in _LETTERS.items()}
        scripts.update({code: n for code, n in found.items() if n})
        scripts["latin"] += sum(map(str.isalpha, text)) - sum(found.values())
        words.update(_TOKEN.findall(text.lower()))
        if read > _ENOUGH:
            break
    if not scripts.total():
        return None
    if scripts["ja"] * 20 > scripts["zh"] and scripts["ja"] * 10 > scripts["latin"]:
        return "ja"
    # A Chinese character says about as much as two or three letters.
    weights = {code: n * (2 if code in ("zh", "ko", "ja") else 1) for code, n in scripts.items()}
    script = max(sorted(weights), key=lambda code: weights[code])
    if script != "latin":
        variants = _VARIANTS.get(script, {})
        own = {code: sum(len(p.findall(t)) for t in kept) for code, p in variants.items()}
        best = max(sorted(own), key=lambda code: own[code], default=None)
        return best if best and own[best] * 100 > scripts[script] else script
    hits = {code: sum(words[w] for w in small) for code, small in _WORDS.items()}
    best = max(hits, key=lambda code: hits[code])
    # Two hits more than English are no evidence: names and titles bring them along.
    return best if hits[best] > hits["en"] * 1.2 + 2 else "en"
