"""A run that is killed and resumed goes on as if nothing had happened."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch
import training_rig as rig

from training.run.checkpoint import load_newest

SETTINGS = {"steps": "12", "save_every": "3", "eval_every": "6"}
Rows = dict[int, dict[str, str]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rig.write_tones(tmp_path_factory.mktemp("resume") / "tones")


@pytest.fixture(scope="module")
def whole(data: Path) -> Rows:
    """The rows of a run that nobody disturbed."""
    out = data.parent / "whole"
    done = rig.run(rig.arguments(data, out, **SETTINGS), data.parent / "log")
    assert done.wait() == 0, done.said
    assert sorted(rig.rows(out)) == list(range(1, 13))
    return rig.rows(out)


def start(data: Path, out: Path, **more: int) -> rig.Run:
    return rig.Run(rig.arguments(data, out, **SETTINGS), out.with_suffix(".log"), **more)


def wait_for_step(run: rig.Run, out: Path, step: int) -> None:
    """Until metrics.csv has the row of `step`."""
    patience = time.monotonic() + rig.PATIENCE_S
    while max(rig.rows(out), default=0) < step:
        assert run.process.is_alive(), run.said
        assert time.monotonic() < patience, f"no step {step} within {rig.PATIENCE_S} s"
        time.sleep(0.001)


def resume(data: Path, out: Path, *more: str) -> rig.Run:
    cache = str(data.parent / "cache")
    given = ["train", "codec", "--out", str(out), "--resume", "--cache", cache, *more]
    return rig.run(given, out.with_suffix(".log2"))


def require_same(data: Path, out: Path, whole: Rows) -> str:
    """Resume the run; its rows must be those of the undisturbed one, digit for digit."""
    done = resume(data, out)
    assert done.wait() == 0, done.said
    assert rig.rows(out) == whole
    assert rig.leftovers(out) == []
    return done.said


def test_kill_between_steps(data: Path, whole: Rows, tmp_path: Path) -> None:
    run = start(data, tmp_path / "run")
    wait_for_step(run, tmp_path / "run", 5)
    run.signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    require_same(data, tmp_path / "run", whole)


def test_lower_precision_resumes_as_exactly(data: Path, tmp_path: Path) -> None:
    given = {**SETTINGS, "precision": "bf16-mixed"}
    undisturbed = rig.run(rig.arguments(data, tmp_path / "a", **given), tmp_path / "a.log")
    assert undisturbed.wait() == 0, undisturbed.said
    run = rig.Run(rig.arguments(data, tmp_path / "b", **given), tmp_path / "b.log")
    wait_for_step(run, tmp_path / "b", 5)
    run.signal(signal.SIGKILL)
    run.wait()
    require_same(data, tmp_path / "b", rig.rows(tmp_path / "a"))


@pytest.mark.parametrize("at", [5, 9])
def test_kill_inside_a_write(data: Path, whole: Rows, tmp_path: Path, at: int) -> None:
    out = tmp_path / "run"
    run = start(data, out, suicide=at)
    assert run.wait() == -signal.SIGKILL
    left = rig.leftovers(out)
    assert len(left) == 1, "the kill was meant to hit a write"
    assert left[0].stat().st_size > 0
    require_same(data, out, whole)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_saves_and_goes_on(
    data: Path, whole: Rows, tmp_path: Path, number: int, code: int
) -> None:
    run = start(data, tmp_path / "run")
    wait_for_step(run, tmp_path / "run", 4)
    run.signal(number)
    assert run.wait() == code, run.said
    assert "stopped after step" in run.said
    assert "Traceback" not in run.said
    assert (tmp_path / "run" / "model.pt").exists()
    require_same(data, tmp_path / "run", whole)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    data: Path, whole: Rows, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    run = start(data, out)
    wait_for_step(run, out, 8)
    run.signal(signal.SIGKILL)
    run.wait()
    newest = max((out / "checkpoints").glob("step-*.pt"))
    with newest.open("r+b") as file:
        file.truncate(newest.stat().st_size // 2)
    assert newest.name in require_same(data, out, whole)


def test_what_a_checkpoint_holds(data: Path, whole: Rows) -> None:
    found, complaints = load_newest(data.parent / "whole" / "checkpoints")
    assert found is not None
    assert complaints == []
    assert found.step == len(whole)
    assert bool(found.weights["bottleneck.initialised"])
    assert torch.isfinite(found.weights["bottleneck.codebooks"]).all()
    assert len(list((data.parent / "whole" / "checkpoints").glob("step-*.pt"))) == 2


@pytest.mark.parametrize(
    ("flag", "value", "named"),
    [
        ("--learning-rate", "0.5", "learning_rate"),
        ("--latent-dim", "9", "latent_dim"),
        ("--seed", "7", "seed"),
        ("--steps", "12", "steps"),
    ],
)
def test_a_changed_setting_is_refused_by_name(
    data: Path, whole: Rows, flag: str, value: str, named: str
) -> None:
    done = resume(data, data.parent / "whole", flag, value)
    assert done.wait() == 2
    assert named in done.said
    assert value in done.said
    assert "Traceback" not in done.said
    assert rig.rows(data.parent / "whole") == whole


def test_moved_and_touched_recordings_are_taken_anew(
    data: Path, whole: Rows, tmp_path: Path
) -> None:
    """As on another machine: other place, other times, an empty cache."""
    shutil.copytree(data, tmp_path / "there" / "tones")
    out = tmp_path / "run"
    run = start(tmp_path / "there" / "tones", out)
    wait_for_step(run, out, 5)
    run.signal(signal.SIGKILL)
    run.wait()
    here = (tmp_path / "there" / "tones").rename(tmp_path / "here")
    os.utime(here / "tone-1.wav", (1, 1))
    given = ["train", "codec", "--out", str(out), "--resume", "--cache", str(tmp_path / "new")]
    lost = rig.run(given, tmp_path / "log")
    assert lost.wait() == 3
    assert "if they were moved" in lost.said
    done = rig.run([*given, "--in", str(here)], tmp_path / "log")
    assert done.wait() == 0, done.said
    assert rig.rows(out) == whole


def test_other_recordings_are_refused(data: Path, whole: Rows, tmp_path: Path) -> None:
    others = rig.write_tones(tmp_path / "others", files=2)
    given = ["train", "codec", str(others), "--out", str(data.parent / "whole"), "--resume"]
    done = rig.run([*given, "--steps", "20", "--cache", str(tmp_path / "c")], tmp_path / "log")
    assert done.wait() == 2
    assert str(others) in done.said


def test_an_occupied_folder_is_refused(data: Path, whole: Rows, tmp_path: Path) -> None:
    done = rig.run(rig.arguments(data, data.parent / "whole"), tmp_path / "log")
    assert done.wait() == 2
    assert "--resume" in done.said
    assert rig.rows(data.parent / "whole") == whole


def test_nothing_to_resume(data: Path, tmp_path: Path) -> None:
    done = resume(data, tmp_path / "none")
    assert done.wait() == 2
    assert "no run to resume" in done.said
