"""Run the blocks of a page one after the other: `python player.py`, blocks as JSON on stdin.

Lines that are commands of ours alone are called in this process, for which imports cost once; all
else goes to bash or to a Python of its own. Prints [code, output, errors] of each block as JSON.
"""

import contextlib
import io
import json
import re
import shlex
import subprocess
import sys

#: A line that needs no shell.
PLAIN = re.compile(r"iepile [^|&;<>$`*?~\\]*")


def play(kind, text):
    lines = text.strip().splitlines()
    if kind == "sh" and all(PLAIN.fullmatch(line) for line in lines):
        return called(lines)
    program = ["bash", "-euo", "pipefail"] if kind == "sh" else [sys.executable]
    done = subprocess.run([*program, "-c", text], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def called(lines):
    from pipeline import cli

    out, errors = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        for line in lines:
            try:
                code = code or cli.main(shlex.split(line, comments=True)[1:])
            except SystemExit as stop:
                code = code or stop.code or 0
    return code, out.getvalue(), errors.getvalue()


def main():
    told = []
    for kind, text in json.load(sys.stdin):
        told.append(play(kind, text))
        if told[-1][0]:
            break
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
