"""Fuzz one target for a while, guided by coverage: `python -m tests.fuzz TARGET --seconds N`.

Atheris (libFuzzer) keeps what reaches new branches of `pipeline`; the inputs are changed by
`mutation.mutated`. With `--found DIR` it goes on after a failure and keeps the first input of each
kind there; without it the first failure ends the run. Exit code 0 means that nothing was found.
"""

import argparse
import hashlib
import random
import re
import sys
import tempfile
import time
import traceback
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pipeline"]):
    from pipeline.catalog import reader_options as options
    from tests.fuzz import targets

    # What the project imports when it is asked for must be watched as well.
    for _reader in options.readers():
        options.module(_reader)
from tests.fuzz.mutation import mutated
from tests.invariants import UnsoundError

#: Seconds for one input, and MiB for the process: more is a failure.
_TIMEOUT, _MEMORY = 30, 4000
_LONGEST = 150_000


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("target", choices=targets.TARGETS)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, help="a folder of inputs to go on with")
    parser.add_argument("--found", type=Path, help="where failing inputs are put")
    given = parser.parse_args()
    target, seeds_of = targets.TARGETS[given.target]
    seeds = [*seeds_of()]
    words = targets.words(seeds)
    corpus = given.corpus or Path(tempfile.mkdtemp(prefix="iepile-corpus-"))
    corpus.mkdir(parents=True, exist_ok=True)
    if given.found:
        given.found.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    target(seeds[0])  # what is made once only counts for no input
    kinds, executions = {}, 0
    started = time.monotonic()

    def one(data):
        nonlocal executions
        executions += 1
        if executions % 1000 == 0:
            passed = time.monotonic() - started
            told = f"{given.target}: {executions} inputs in {passed:.0f} s, {len(kinds)} found"
            sys.stdout.write(f"{told}\n")
            sys.stdout.flush()
        try:
            target(data)
        except Exception as problem:
            if not given.found:
                raise
            frames = traceback.extract_tb(problem.__traceback__)
            last = [*frames[-1:], *(f for f in frames if "/pipeline/" in f.filename)][-1]
            kind = f"{type(problem).__name__}-{Path(last.filename).stem}-{last.lineno}"
            if isinstance(problem, UnsoundError):
                kind = f"word-{re.sub('[^a-z]+', '-', str(problem).lower())[:40]}"
            if kind not in kinds or len(data) < kinds[kind]:
                kinds[kind] = len(data)
                (given.found / kind).write_bytes(data)
                (given.found / f"{kind}.txt").write_text(traceback.format_exc())

    def change(data, max_size, seed):
        rng = random.Random(seed)
        new = mutated(data, rng, seeds, words, lambda part: atheris.Mutate(part, len(part) + 64))
        return new[:max_size]

    options = [
        sys.argv[0],
        str(corpus),
        f"-max_total_time={given.seconds}",
        f"-seed={given.seed}",
        f"-timeout={_TIMEOUT}",
        f"-rss_limit_mb={_MEMORY}",
        f"-max_len={_LONGEST}",
        "-len_control=0",
        "-print_final_stats=1",
        f"-artifact_prefix={given.found or corpus.parent}/",
    ]
    atheris.Setup(options, one, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
