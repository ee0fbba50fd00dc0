"""A process of its own for `test_memory`: prints the most memory it held, in MB.

python -m tests.hostile.heavy readers KIND BYTES FOLDER    a long line in a file of every reader
python -m tests.hostile.heavy stages KIND BYTES FOLDER     long texts through all stages
"""

import faulthandler
import shutil
import sys
from pathlib import Path

from pipeline.errors import PipelineError
from tests import promises
from tests.hostile.test_bytes import SAMPLE, cases, read
from tests.hostile.toys import made, ner, span_rows
from tests.inputs import LONG, middle


def filled(kind, size):
    """So many bytes of one kind."""
    unit = LONG[kind]
    return unit * (size // len(unit.encode()))


def readers(kind, size, folder):
    """One file of every reader with so many bytes put into one of its lines."""
    piece = filled(kind, size).encode()
    for _, name, file in cases():
        raw = folder / "raw"
        shutil.rmtree(raw, ignore_errors=True)
        shutil.copytree(SAMPLE / name, raw / name)
        content = (SAMPLE / name / file).read_bytes()
        at = middle(content)
        (raw / name / file).write_bytes(content[:at] + piece + content[at:])
        try:
            read(name, raw, Path(file))
        except PipelineError as problem:
            promises.explained(problem)


def stages(kind, size, folder):
    """Two texts of so many bytes, with a mention each, from raw files to the report."""
    piece, language = filled(kind, size), "zh" if kind == "Chinese" else "en"
    files = {
        "train": span_rows((f"Ada {piece}", [(0, 3, "person")]), ("Bo walks", [(0, 2, "person")])),
        "test": span_rows((f"Bo {piece}", [(0, 2, "person")])),
    }
    toy = ner(["person", "city"], files, language=language)
    _, counts = made(folder, {"toy": toy})
    own = counts["datasets"]["toy"]
    for split, lines in (("train", 2), ("test", 1)):
        kept = own["records"][split]
        assert own["read"][split]["rows"] == kept["records"] == lines
        assert kept["kept"] + sum(kept["dropped"].values()) == lines


if __name__ == "__main__":
    faulthandler.dump_traceback_later(550, exit=True)
    what, kind, size, folder = sys.argv[1:]
    {"readers": readers, "stages": stages}[what](kind, int(size), Path(folder))
    # Not what getrusage tells: that begins with the peak of the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (kilobytes,) = (line.split()[1] for line in status if line.startswith("VmHWM"))
    sys.stdout.write(f"{int(kilobytes) // 1024}\n")
