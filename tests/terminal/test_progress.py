"""How far a stage is: a bar on a terminal, one line elsewhere."""

import os
import pty
import re
import subprocess
import sys

import pytest

from pipeline.terminal import progress

WORK = """
import time
from pipeline.terminal import progress

with progress.watch("clean") as (tell, end):
    for number in range(1, 9):
        time.sleep(0.15)
        tell(number, 8, f"{number // 4} of 2 datasets")
    end("2 of 2 datasets")
"""


@pytest.fixture
def on_a_terminal():
    """What a terminal of 80 columns was sent, without colors and moves of the cursor."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "80", "TERM": "xterm"}
    command = [sys.executable, "-c", WORK]
    with subprocess.Popen(command, stderr=theirs, stdout=theirs, env=environment) as process:
        os.close(theirs)
        sent = b""
        try:
            while piece := os.read(ours, 4096):
                sent += piece
        except OSError:
            pass  # the other end is closed
    assert process.returncode == 0
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", sent.decode())


def test_a_terminal_shows_steps_datasets_rate_and_time_left(on_a_terminal):
    lines = [line for line in re.split(r"[\r\n]+", on_a_terminal) if line.strip()]

    assert re.search(
        r"clean +━+.* 1 of 2 datasets, [4-7] of 8 steps, \d.* a second +\d:", on_a_terminal
    )
    assert "None" not in on_a_terminal
    assert max(map(len, lines)) <= 80
    assert re.fullmatch(r"clean +\d+\.\d s  2 of 2 datasets", lines[-1])


def test_elsewhere_a_stage_is_one_line(capsys):
    with progress.watch("clean") as (tell, end):
        tell(1, 2, "0 of 1 datasets")
        end("1 of 1 datasets")

    assert re.fullmatch(r"clean +\d+\.\d s  1 of 1 datasets\n", capsys.readouterr().err)
