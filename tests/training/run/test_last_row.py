"""The end of a run is in its figures, whatever intervals it has."""

from __future__ import annotations

from pathlib import Path

import pytest
import training_rig as rig
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


@pytest.mark.parametrize(("steps", "evaluated"), [(7, [3, 6, 7]), (2, [2])])
def test_the_last_evaluation_is_in_the_figures(
    tmp_path: Path, steps: int, evaluated: list[int]
) -> None:
    data, out = rig.write_tones(tmp_path / "tones"), tmp_path / "run"
    given = rig.arguments(data, out, steps=str(steps), eval_every="3", log_every="50")
    done = rig.run(given, tmp_path / "log")
    assert done.wait() == 0, done.said
    rows = rig.rows(out)
    assert sorted(rows) == evaluated
    assert all(row["held_out_mel_db"] and row["total"] for row in rows.values())
    board = EventAccumulator(str(out / "tensorboard")).Reload()
    assert [e.step for e in board.Scalars("held_out/mel_db")] == evaluated
    assert f"step {steps}: " in done.said
    assert rows[steps]["held_out_mel_db"][:4] in done.said
