"""Late blocks and underruns are told apart by their causes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.device.meters import HISTORY, Meters

BLOCK_S = 0.004


def test_nothing_yet() -> None:
    """Before the first block all is zero."""
    assert set(Meters().read(BLOCK_S).values()) == {0}


@given(st.lists(st.floats(1e-5, 0.02), min_size=1, max_size=2 * HISTORY))
def test_times_are_those_of_the_last_blocks(seconds: list[float]) -> None:
    """Mean, median and 99th percentile of the last 1 024, the worst since the last reading."""
    meters = Meters()
    for value in seconds:
        meters.block(value, 0.0, BLOCK_S)
    read = meters.read(BLOCK_S)
    last = seconds[-HISTORY:]
    assert read["blocks"] == len(seconds)
    assert read["load"] == pytest.approx(np.mean(last) / BLOCK_S, abs=1e-3)
    assert read["load_max"] == pytest.approx(max(seconds) / BLOCK_S, abs=1e-3)
    assert min(last) * 1000 - 1e-3 <= read["render_p50_ms"] <= read["render_p99_ms"]
    assert sum(1000 * s > read["render_p99_ms"] + 1e-3 for s in last) <= len(last) / 100
    assert meters.read(BLOCK_S)["load_max"] == 0


@pytest.mark.parametrize(
    ("render_s", "late_s", "cause"),
    [(0.005, 0.0, "render"), (0.001, 0.005, "thread"), (0.001, 0.0, "device")],
)
def test_an_underrun_has_one_cause(render_s: float, late_s: float, cause: str) -> None:
    """A block that took too long, a thread that was woken too late, or neither of them."""
    meters = Meters()
    meters.block(render_s, late_s, BLOCK_S)
    meters.underrun(late_s, BLOCK_S)
    read = meters.read(BLOCK_S)
    causes = {c: read[f"underruns_{c}"] for c in ("render", "thread", "device")}
    assert causes == {c: int(c == cause) for c in causes}
    assert read["underruns"] == 1
    assert read["late_render"] == int(cause == "render")
    assert read["late_thread"] == int(cause == "thread")
