"""Run blocks of pages: `python player.py BASE PROJECT RESULTS`, {page: blocks} as JSON on stdin.

Each page finds PROJECT as a fresh copy of BASE. It has a process of its own, forked from this one,
which has imported everything once. Blocks of Python, and lines that are commands of ours alone, run
in that process; all else goes to bash. RESULTS gets {page: [code, output, errors] of each block}.
"""

import contextlib
import importlib
import io
import json
import os
import pkgutil
import re
import shlex
import shutil
import subprocess
import sys
import traceback
from pathlib import Path

#: A line that needs no shell.
PLAIN = re.compile(r"iepile [^|&;<>$`*?~\\]*")


def play(kind, text):
    lines = text.strip().splitlines()
    if kind == "sh" and not all(PLAIN.fullmatch(line) for line in lines):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text], capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout, done.stderr
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = called(lines) if kind == "sh" else executed(text)
    return code, out.getvalue(), errors.getvalue()


def called(lines):
    from pipeline import cli

    code = 0
    for line in lines:
        try:
            code = code or cli.main(shlex.split(line, comments=True)[1:])
        except SystemExit as stop:
            code = code or stop.code or 0
    return code


def executed(text):
    try:
        exec(compile(text, "<block>", "exec"), {"__name__": "__main__"})
    except Exception:  # noqa: BLE001 - told with the block
        traceback.print_exc()
        return 1
    return 0


def page(blocks):
    told = []
    for kind, text in blocks:
        told.append(play(kind, text))
        if told[-1][0]:
            break
    return told


def forked(blocks, project):
    """What `page` returns in a process of its own, in the project."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.chdir(project)
            with os.fdopen(write, "w") as stream:
                json.dump(page(blocks), stream)
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as stream:
        told = stream.read()
    os.waitpid(child, 0)
    return json.loads(told)


def restored(base, project):
    """Make the project what the base is: copy what differs, and remove what is not in there."""
    of_base, of_project = entries(base), entries(project)
    for path, is_folder in sorted(of_project):
        if (path, is_folder) not in of_base and os.path.lexists(project / path):
            shutil.rmtree(project / path) if is_folder else (project / path).unlink()
    for path, is_folder in sorted(of_base):
        if is_folder:
            (project / path).mkdir(exist_ok=True)
        elif of_base[path, is_folder] != of_project.get((path, is_folder)):
            shutil.copy2(base / path, project / path, follow_symlinks=False)


def entries(folder):
    """(path, whether it is a folder) of all in a folder -> size and time of change of a file."""
    found, left = {}, [""]
    while left:
        above = left.pop()
        with os.scandir(folder / above) as inner:
            for entry in inner:
                path, is_folder = f"{above}{entry.name}", entry.is_dir(follow_symlinks=False)
                about = entry.stat(follow_symlinks=False)
                found[path, is_folder] = None if is_folder else (about.st_size, about.st_mtime_ns)
                left += [f"{path}/"] if is_folder else []
    return found


def main():
    base, project, results = map(Path, sys.argv[1:])
    told = {}
    for name, blocks in json.load(sys.stdin).items():
        project.mkdir(exist_ok=True)
        restored(base, project)
        if not told:
            import datasets  # noqa: F401

            import pipeline

            for module in pkgutil.walk_packages(pipeline.__path__, "pipeline."):
                with contextlib.suppress(ImportError):  # Ray, S3: nobody asks for them
                    if not module.name.endswith("__main__"):
                        importlib.import_module(module.name)
        told[name] = forked(blocks, project)
    results.write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main()
