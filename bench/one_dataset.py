"""One large dataset, from raw files to the report: time and memory as its records double.

    python -m bench.one_dataset [--records 2000000,4000000] [--workers N]

Its source has a row for each relation, two of them for a text and far apart. Some texts come again
with other white space, some nearly so, and some stand in the test split as well: every pass over
the whole corpus has work. Making the files is not measured.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from bench import measure, synthetic

#: Records between the two rows of a text.
_APART = 1_000


def lay(folder: Path, records: int) -> None:
    """Write `folder/catalog/one.toml` and `folder/raw/one/`: the same for the same number."""
    text = synthetic.Text("en", 1, 24)
    kinds = [f"{a} {b}" for a, b in zip(text.words[300:324], text.words[900:924], strict=True)]
    raw = folder / "raw" / "one"
    raw.mkdir(parents=True)
    (folder / "catalog").mkdir()
    waiting: list[str] = []
    with (raw / "train.json").open("w") as train, (raw / "test.json").open("w") as test:
        for n, (tokens, places) in enumerate(text.sentences(records)):
            names = [tokens[p] for p in places]
            facts = zip(kinds[n % 24 :] + kinds, names, [*names[1:], names[0]], strict=False)
            spo = [{"predicate": k, "subject": s, "object": o} for k, s, o in facts]
            own = " ".join(tokens)
            train.write(_row(own, spo[0]))
            waiting.append(_row(own, spo[-1]))
            if n % 100 == 0:
                waiting.append(_row(own.replace(" ", "  ", 1), spo[0]))
                waiting.append(_row(f"{own} {tokens[0]}", spo[0]))
            if n % 50 == 7:
                test.write(_row(own if n % 1000 == 7 else f"{own} {n}", spo[0]))
            if len(waiting) > _APART:
                train.writelines(waiting)
                waiting.clear()
        train.writelines(waiting)
    path = folder / "catalog" / "one.toml"
    files = {"train": "train.json", "test": "test.json"}
    synthetic.declare(path, "RE", "one", "en", kinds, files)
    path.write_text(f"one_annotation_per_row = true\n{path.read_text()}")


def _row(text: str, fact: dict[str, str]) -> str:
    return json.dumps({"text": text, "spo_list": [fact]}) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--records", default="2000000,4000000")
    parser.add_argument("--workers", type=int, default=2)
    own = parser.parse_args()
    print(measure.machine(own.workers), flush=True)
    for records in map(int, own.records.split(",")):
        folder = Path(tempfile.mkdtemp(prefix="iepile-bench-"))
        try:
            lay(folder, records)
            took = measure.case("everything", folder, own.workers)
        finally:
            shutil.rmtree(folder)
        stages = ", ".join(
            f"{stage} {seconds:.1f} s {_held(took, stage) / 1e6:,.0f} MB"
            for stage, seconds in took["stages"].items()
        )
        print(
            f"{records:,} records: {took['seconds']:.1f} s, {took['cpu']:.1f} CPU s, "
            f"peak {took['peak'] / 1e6:,.0f} MB; time, and memory held, by stage: {stages}",
            flush=True,
        )


def _held(took: dict[str, Any], stage: str) -> int:
    """The most bytes that the processes of a stage held for themselves."""
    begin = took["began"][stage]
    end = begin + took["stages"][stage]
    return max((size for moment, size in took["held"] if begin <= moment <= end), default=0)


if __name__ == "__main__":
    main()
