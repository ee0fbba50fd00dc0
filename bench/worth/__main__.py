"""What the groupings of labels are worth to a model, on real data: see `bench/WORTH.md`.

    iepile run --raw DIR --manifests DIR --datasets kbp37,re-docred,nyt,rams,casie --out RUN
    python -m bench.worth RUN --cache DIR [--into FILE]

Results go to the cache one by one, and are not made again. After a change of the code, use another
folder.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

from bench.worth import grid, items, page


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.worth")
    parser.add_argument("run", type=Path, help="the folder of a finished `iepile run`")
    parser.add_argument("--cache", type=Path, required=True, help="for features and results")
    parser.add_argument("--sets", default=",".join(items.SETS), help="comma-separated")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--machine", default="2 cores", help="named in the page")
    parser.add_argument("--into", type=Path, help="write the page to this Markdown file")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.set_flush_denormal(True)  # the gradients of labels that are never positive
    torch.use_deterministic_algorithms(True)
    with threadpool_limits(given.threads):
        found = [*grid.results(given.run, given.cache, given.sets.split(","))]
    minutes = sum(result["seconds"] for result in found) / 60
    text = page.page(found, minutes, given.machine)
    print(text)
    if given.into:
        given.into.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
