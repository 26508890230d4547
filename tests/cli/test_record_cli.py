"""`synth play --record`, killed with all its processes, and `synth render --session`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
from builders import write_sampler
from cli_rig import call, environment

from tests.realtime.jack_peers import wait_until

PATIENCE_S = 30.0
ROOT = Path(__file__).parents[2]
SYNTH = "from synth.cli import main; main()"


def written(take: Path) -> int:
    """Frames of a recording, while it is being made."""
    return soundfile.info(take).frames if take.exists() and take.stat().st_size > 94 else 0


def test_everything_is_killed_and_what_was_played_is_played_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """kill -9 of control and engine process: the file is valid, and its log makes the same
    samples, all of them."""
    instrument = write_sampler(tmp_path)
    take, again = tmp_path / "take.wav", tmp_path / "again.wav"
    arguments = ["play", instrument, "--driver", "null", "--no-osc", "--demo", "--record", take]
    path = os.pathsep.join((str(tmp_path), str(ROOT)))
    process = subprocess.Popen(
        [sys.executable, "-c", SYNTH, *map(str, arguments)],
        env={**environment(tmp_path), "PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert wait_until(lambda: written(take) > 60_000, PATIENCE_S)
    finally:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(True)]
        for member in family:
            member.kill()
        psutil.wait_procs(family[1:], PATIENCE_S)
        process.wait(PATIENCE_S)
    assert len(family) >= 2
    before, rate = soundfile.read(take, dtype="float32", always_2d=True)
    assert np.abs(before).max() > 1e-3
    done = call(capsys, "render", "--session", take, "-o", again)
    assert done.code == 0, done.err
    after, _ = soundfile.read(again, dtype="float32", always_2d=True)
    assert len(before) == len(after) > rate
    assert np.array_equal(before, after)
    done = call(capsys, "render", "--session", take, "-o", again, "--osc", "score.jsonl")
    assert done.code == 2
    assert "leave out" in done.err
