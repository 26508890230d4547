"""Schedules of a run that is resumed with other steps: they go on from where they were."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import training_rig as rig
from hypothesis import given
from hypothesis import strategies as st

from training.run.schedules import Pace, half_cosine


@given(st.integers(1, 10_000), st.data())
def test_a_run_of_one_length_is_at_its_own_steps(steps: int, data: st.DataObject) -> None:
    step = data.draw(st.integers(0, steps))
    assert Pace.of(steps).at(step) == step
    assert Pace.of(steps).resumed(step, steps) == Pace.of(steps)


@given(st.lists(st.integers(1, 300), min_size=2, max_size=5), st.data())
def test_nothing_jumps_or_goes_back(totals: list[int], data: st.DataObject) -> None:
    pace, done = Pace.of(totals[0]), 0
    for total in totals[1:]:
        done = data.draw(st.integers(done, max(done, pace.legs[-1][1])))
        before = [pace.at(step) for step in range(done + 1)]
        pace = pace.resumed(done, done + total)
        assert [pace.at(step) for step in range(done + 1)] == pytest.approx(before)
    places = [pace.at(step) for step in range(pace.legs[-1][1] + 1)]
    assert (np.diff(places) >= -1e-9).all()
    assert places[-1] == pytest.approx(pace.steps), "the schedule is over with the run"


def test_a_rate_that_has_fallen_stays_down() -> None:
    pace = Pace.of(100).resumed(100, 1000)
    assert half_cosine(pace.at(100), pace.steps, 0.01) == pytest.approx(0.01)
    assert half_cosine(pace.at(500), pace.steps, 0.01) == pytest.approx(0.01)


def test_a_run_with_more_steps_goes_on_with_the_rate_that_it_had(tmp_path: Path) -> None:
    data, out = rig.write_tones(tmp_path / "tones"), tmp_path / "run"
    made = rig.run(rig.arguments(data, out, steps="8", save_every="4"), tmp_path / "log")
    assert made.wait() == 0, made.said
    for steps in (12, 40):
        more = ["train", "codec", "--out", str(out), "--resume", "--steps", str(steps)]
        done = rig.run([*more, "--cache", str(tmp_path / "cache")], tmp_path / "log2")
        assert done.wait() == 0, done.said
    rates = [float(row["learning_rate"]) for _, row in sorted(rig.rows(out).items())]
    assert len(rates) == 40
    falling = rates[2:]  # after the warm-up
    assert all(b <= a for a, b in itertools.pairwise(falling))
