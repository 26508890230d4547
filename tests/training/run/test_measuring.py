"""A dry run answers soon, however long a step is, and whatever is not installed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import training_rig as rig

from training.data.library import Clip
from training.dry_run import as_text, dry_run_report
from training.families import TRAINING
from training.planning import plan_run
from training.run.measuring import few_clips, measure_step
from training.run.plan import AnyPlan

SMALL: dict[str, Any] = {
    "sample_rate": 16_000, "channels": 4, "strides": (2, 4), "latent_dim": 8, "kernel": 3,
    "crop_seconds": 0.1, "threads": 1, "precision": "32",
}  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return rig.write_tones(tmp_path / "data", files=3)


def planned(data: Path, **flags: Any) -> AnyPlan:
    return plan_run("codec", data, flags={**SMALL, **flags}, cache=data.parent / "cache")


def test_a_short_step_is_measured_whole(data: Path) -> None:
    plan = planned(data, batch_size=2)
    found = measure_step(plan, TRAINING["codec"].parts(), 60.0)
    assert found.rows == 2
    assert 0 < found.seconds < 10


def test_a_long_step_is_ended_and_said_to_be_one(data: Path) -> None:
    """A row takes minutes here, its first convolution some tenths of a second."""
    plan = planned(data, channels=64, crop_seconds=20.0, batch_size=64)
    begun = time.monotonic()
    found = measure_step(plan, TRAINING["codec"].parts(), 0.5)
    assert time.monotonic() - begun < 10
    assert found.rows == 0
    assert found.seconds > 0
    text = as_text(dry_run_report(plan, time.monotonic() - 100))
    assert "a step: more than" in text
    assert "0 of the 64 rows" in text


def test_a_part_of_a_batch_stands_for_all_of_it(data: Path) -> None:
    plan = planned(data, batch_size=4096)
    found = measure_step(plan, TRAINING["codec"].parts(), 3.0)
    assert 0 < found.rows < 4096
    assert found.seconds > 0.1


def test_what_is_kept_of_the_recordings() -> None:
    clips = tuple(Clip(Path(f"{n}.wav"), Path(f"{n}.npy"), 5, 1005) for n in range(9))
    kept = few_clips(clips, 4, window=100, frames=800)
    assert [(c.source.stem, c.start, c.end) for c in kept] == [(str(n), 5, 205) for n in range(4)]
    assert {c.frames for c in few_clips(clips, 4, window=400, frames=800)} == {400}
    assert {c.frames for c in few_clips(clips, 1, window=400, frames=8000)} == {1000}
