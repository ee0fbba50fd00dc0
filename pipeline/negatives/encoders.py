"""Label encoders: texts that tell what a label means -> one vector per label.

`corpus`, the default, is trained on the dataset itself: its tokens are the words of that dataset
(for Chinese its frequent character sequences), each represented by the hashed character n-grams it
is made of and weighted by how few texts hold it. Counts are integers and logarithms are rounded to
integers, so the vectors are the same on every machine. Any sentence-transformers model can take
its place. Both embed the same texts.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final

import numpy as np
import xxhash
from scipy.sparse import csr_array

from pipeline.errors import DeclarationError, explained
from pipeline.text import HAN

DIMENSIONS: Final = 4096
#: Rows of integers of at most this length have inner products below 2**24, exact in float32.
LENGTH: Final = 4000.0
#: Runs of Chinese characters, other words, single signs.
_TOKEN: Final = re.compile(rf"[{HAN}]+|[^\W_{HAN}]+|[^\w\s]|_")
#: The same in ASCII texts, and twice as fast.
ASCII_TOKEN: Final = re.compile(r"[a-z0-9]+|[^\w\s]|_")
_IS_HAN: Final = re.compile(rf"[{HAN}]")
_HAN_RUN: Final = re.compile(rf"[{HAN}]+")
#: Chinese sequences that count as words: of so many characters at most, that occur so often at
#: least, and so many of them, the most frequent ones.
_LONGEST: Final = 4
_RARE: Final = 3
_PIECES: Final = 20_000
_FIXED_POINT: Final = 64
#: A neural model is slow: it embeds at most so many texts of a label and slot.
_TEXTS_PER_LABEL: Final = 40


def runs(text: str) -> list[str]:
    """The words, runs of Chinese characters and signs of a text, in lower case."""
    pattern = ASCII_TOKEN if text.isascii() else _TOKEN
    return pattern.findall(text.lower())


@lru_cache(maxsize=200_000)
def _log(ratio: float) -> int:
    """A logarithm in fixed point: the same integer on every machine."""
    return round(_FIXED_POINT * math.log2(ratio))


@lru_cache(maxsize=200_000)
def _grams(token: str) -> list[int]:
    """The hashes of the token as a whole and of its character n-grams."""
    if _IS_HAN.match(token):
        parts = [token, *token]
        parts += [token[i : i + 2] for i in range(len(token) - 1)]
    else:
        padded = f"<{token}>"
        parts = [padded]
        parts += [padded[i : i + n] for n in (3, 4) for i in range(len(padded) - n + 1)]
    return [xxhash.xxh3_64_intdigest(part.encode()) for part in dict.fromkeys(parts)]


def _sequences(text: str) -> list[str]:
    """Every sequence of two to four Chinese characters."""
    return [
        run[i : i + n]
        for run in _HAN_RUN.findall(text)
        for n in range(2, _LONGEST + 1)
        for i in range(len(run) - n + 1)
    ]


class CorpusEncoder:
    """Hashed character n-grams of the dataset's own tokens."""

    def __init__(self, texts: Iterable[str]) -> None:
        counts = Counter(chain.from_iterable(map(_sequences, texts)))
        frequent = ((-n, piece) for piece, n in counts.items() if n >= _RARE)
        self._pieces = {piece for _, piece in sorted(frequent)[:_PIECES]}

    def tokens(self, text: str) -> list[str]:
        """The tokens of a text: words, and the longest known pieces of Chinese runs."""
        grams = []
        for run in runs(text):
            if not _IS_HAN.match(run):
                grams.append(run)
                continue
            start = 0
            while start < len(run):
                for n in range(min(_LONGEST, len(run) - start), 0, -1):
                    if n == 1 or run[start : start + n] in self._pieces:
                        grams.append(run[start : start + n])
                        start += n
                        break
        return grams

    def embed(self, bags: Sequence[Sequence[str]]) -> Any:
        """One vector for each bag of texts: bags x dimensions, sparse, of the length 1 or empty.

        Tokens count by the logarithm of their frequency, times that of their rarity.
        """
        counts = [Counter(chain.from_iterable(map(self.tokens, bag))) for bag in bags]
        spread = Counter(chain.from_iterable(counts))
        number = {token: i for i, token in enumerate(spread)}
        rarity = [_log((1 + len(bags)) / n) for n in spread.values()]
        starts = np.cumsum([0, *map(len, counts)])
        columns = np.fromiter(map(number.__getitem__, chain.from_iterable(counts)), np.int64)
        often = chain.from_iterable(count.values() for count in counts)
        weights = np.fromiter(map(_log, often), np.int64) + _FIXED_POINT
        weights *= np.array(rarity, np.int64)[columns]
        shape = (len(bags), len(number))
        return unit(csr_array((weights, columns, starts), shape) @ _vectors([*number]))


def _vectors(tokens: Sequence[str]) -> Any:
    """Tokens x dimensions: the signs of each token's n-grams; sparse, int64."""
    grams = [_grams(token) for token in tokens]
    starts = np.cumsum([0, *map(len, grams)])
    hashed = np.fromiter(chain.from_iterable(grams), np.uint64, starts[-1])
    sign = np.where(hashed >> np.uint64(63), 1, -1)
    columns = (hashed % np.uint64(DIMENSIONS)).astype(np.int64)
    return csr_array((sign, columns, starts), (len(grams), DIMENSIONS))


def unit(vectors: Any) -> Any:
    """Rows scaled to the length 1; zero rows stay. Integer rows have exact lengths."""
    length = np.sqrt((vectors * vectors).sum(axis=1).astype(np.float64))
    scale = np.where(length == 0, 1, length)
    if isinstance(vectors, csr_array):
        scaled = vectors.data / np.repeat(scale, np.diff(vectors.indptr))
        return csr_array((scaled, vectors.indices, vectors.indptr), vectors.shape)
    return vectors / scale[:, None]


def nearest(vectors: Any, most: int) -> Any:
    """For each vector the numbers of those with the largest inner products, itself among them.

    Coordinates are scaled by LENGTH and whole numbers, so that float32 adds up exactly.
    """
    import faiss

    vectors = np.ascontiguousarray(vectors, np.float32)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    _, near = index.search(vectors, min(most, len(vectors)))
    return near.astype(np.int64)


class SentenceEncoder:
    """Any sentence-transformers model: the mean of the vectors of a label's texts.

    The first texts of a label stand for all of them: they are a sample by hash already.
    """

    def __init__(self, model: str, revision: str | None = None, device: str | None = None) -> None:
        from sentence_transformers import SentenceTransformer

        try:
            self._model = SentenceTransformer(
                model, revision=revision, device=device, trust_remote_code=False
            )
        except (OSError, ValueError, RuntimeError, AssertionError, ImportError) as problem:
            raise explained(problem, model) or DeclarationError(
                f"cannot load the encoder {model!r}: {(str(problem).splitlines() or ['?'])[0]}",
                where="params.yaml: negatives.encoder",
                todo='use "corpus", which needs no download, or the name or folder of a '
                "sentence-transformers model that brings no code; check "
                "negatives.encoder_revision, negatives.encoder_sha256 and "
                "negatives.device",
            ) from None

    def embed(self, bags: Sequence[Sequence[str]]) -> Any:
        """One vector for each bag, dense, of the length 1 or zero. Texts are embedded once."""
        bags = [bag[:_TEXTS_PER_LABEL] for bag in bags]
        texts = sorted({text for bag in bags for text in bag})
        if not texts:
            return np.zeros((len(bags), 1))
        number = {text: i for i, text in enumerate(texts)}
        rows = self._model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        rows = np.asarray(rows, np.float64)
        mean = np.zeros((len(bags), rows.shape[1]))
        for i, bag in enumerate(bags):
            if bag:
                mean[i] = rows[[number[text] for text in bag]].mean(axis=0)
        return unit(mean)


Encoder = CorpusEncoder | SentenceEncoder
