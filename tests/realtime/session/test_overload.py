"""Overload is told in words, with the option that helps against its cause."""

from __future__ import annotations

import pytest

from realtime.session import overload
from realtime.session.overload import Overload

DRIVER = {"block": 128, "ring": 384}


def stats(**more: float) -> dict[str, object]:
    quiet = {"lost_frames": 0, "late_render": 0, "late_thread": 0, "underruns_render": 0}
    return {**quiet, "load": 0.3, "engine": {"active_voices": 6}, **more}


def judged(first: dict[str, object], then: dict[str, object], lookahead: int = 0) -> str:
    watch = Overload(8, lookahead)
    assert watch.look(first, DRIVER) == ""
    return watch.look(then, DRIVER)


def test_too_much_to_render_wants_fewer_voices() -> None:
    words = judged(stats(), stats(load=1.25, lost_frames=256, underruns_render=2))
    assert words.startswith("overload: rendering takes 125%")
    assert "256 frames lost" in words
    assert "--voices 3 (now 8)" in words


def test_a_busy_machine_wants_a_longer_lookahead() -> None:
    words = judged(stats(), stats(lost_frames=128, late_thread=1))
    assert "--lookahead 6 (now 3)" in words
    one_long_step = judged(stats(), stats(lost_frames=128, underruns_render=1))
    assert "--lookahead 6 (now 3)" in one_long_step
    assert "--lookahead 20 (now 10)" in judged(stats(), stats(lost_frames=1), lookahead=10)
    assert "close some" in judged(stats(), stats(lost_frames=1), lookahead=64)


def test_who_keeps_up_hears_nothing() -> None:
    assert judged(stats(), stats(late_thread=3, late_render=1)) == ""
    assert judged(stats(lost_frames=500), stats(lost_frames=500)) == ""
    assert judged(stats(lost_frames=500), stats(lost_frames=20)) == ""  # of a new engine


def test_it_is_told_once_and_shown_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Overload(8, 0)
    watch.look(stats(), DRIVER)
    assert watch.look(stats(lost_frames=1), DRIVER)
    assert watch.look(stats(lost_frames=2), DRIVER) == ""
    assert watch.words
    monkeypatch.setattr(overload, "TOLD_S", -1.0)
    watch.look(stats(lost_frames=3), DRIVER)
    assert watch.words == ""
