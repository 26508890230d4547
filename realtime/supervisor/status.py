"""`Status`: the state of the engine's process, as others see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from synth.contract import SynthError


class Phase(StrEnum):
    """The state of the engine.

    Usually: starting, playing, stopping, stopped. A loss leads from playing to lost, restarting,
    waiting (only while the device is absent), restored, and playing again.
    """

    IDLE = "idle"
    STARTING = "starting"
    WAITING = "waiting"
    RESTORED = "restored"
    PLAYING = "playing"
    LOST = "lost"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


ENDS = (Phase.STOPPED, Phase.FAILED)


@dataclass(frozen=True)
class Happening:
    """A change of phase: seconds since the supervisor's start, the new phase and its reason."""

    seconds: float
    phase: Phase
    detail: str = ""


@dataclass(frozen=True)
class Status:
    """The current state of the engine, as far as it is known.

    Args:
        phase: the latest phase.
        pid: of the engine process, if there is one.
        restarts: how often it was replaced, by cause: "device", "crash", "hang".
        down_s: seconds without an engine since it first played.
        stats: its latest counters and meters.
        driver: rate, block and latency that were agreed with the device.
        engine: the rack with its controls.
        device: label of the device.
        link: counts of events: refused, coalesced and dropped on the way, and not remembered.
        happenings: the latest changes of phase, oldest first.
        error: the reason why the supervisor gave up.
        recording: the file that is being recorded, "" for none.
        recording_problem: the reason why the latest recording failed.
    """

    phase: Phase = Phase.IDLE
    pid: int | None = None
    restarts: dict[str, int] = field(default_factory=dict)
    down_s: float = 0.0
    stats: dict[str, Any] = field(default_factory=dict)
    driver: dict[str, Any] = field(default_factory=dict)
    engine: dict[str, Any] = field(default_factory=dict)
    device: str = ""
    link: dict[str, int] = field(default_factory=dict)
    happenings: tuple[Happening, ...] = ()
    error: SynthError | None = None
    recording: str = ""
    recording_problem: str = ""
