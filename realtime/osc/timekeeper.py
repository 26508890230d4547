"""`Timekeeper`: maps the time tag of a bundle to the sample at which it takes effect.

A time tag counts the sender's wall clock, the engine counts samples of the device's clock, and
this computer's monotonic clock links the two. Each of these maps drifts and jitters, so two tags
mapped one by one would not keep their distance. Therefore each client has an anchor: one of its
tags and the sample it was mapped to. Other tags are counted from there, exactly. Only when
the anchored sample is further than a quarter of a millisecond from the mapped one does the anchor
move, by at most 250 ppm of the time since it last moved: one sample every 83 ms at 48 kHz. After a
gap in the sound it is set anew.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import NamedTuple

from realtime.namespace.event import NOW
from realtime.osc.foreign_clocks import DAY_S, ERA, UNIX, foreign_clock, unix_time
from realtime.process.clock import MAX_DRIFT, SampleClock
from realtime.protocol.osc_decode import IMMEDIATELY
from synth.contract import ConfigError, ProtocolError

POLICIES = ("trust", "clamp", "immediate")
MAX_AHEAD_S = 10.0  # "trust" waits so long for a bundle; later ones are dropped
CLAMP_S = 1.0  # the same for "clamp"; further ones take effect then
SLACK_S = 0.00025  # an anchor may be this far off before it moves …
STEP_S = 0.02  # … and this far before it is given up, because a clock was set
MAX_ANCHORS = 64
_QUICK_S = 0.0001  # if reading two clocks takes longer, the thread was held up


class FarError(ProtocolError):
    """A time tag too far ahead to wait for."""


class Due(NamedTuple):
    """The time at which a bundle takes effect.

    Args:
        time: a sample of the engine's clock, or `NOW`.
        late: by how many seconds it came too late; 0 if it is in time.
        clock: the clock that the tag seems to count instead of NTP time; "" if none is likely.
    """

    time: int = NOW
    late: float = 0.0
    clock: str = ""


@dataclass
class _Anchor:
    timetag: int
    sample: int
    rate: int
    steps: int
    moved: float


class Timekeeper:
    """Maps time tags to samples for all clients.

    Args:
        clock: of the engine; until it is set, all bundles take effect at once.
        policy: "trust": the tag counts; late bundles take effect at once, those more than 10 s
            ahead are dropped. "clamp": the tag is brought into 0 … 1 s from now; tags that
            count something else (`foreign_clocks`) mean now. "immediate": tags are ignored.
        wall, monotonic: seconds of Unix time, and of the clock that `clock` maps.

    Attributes:
        late, far: bundles that came too late, and that were dropped; foreign: those of another
            clock; moved: how often an anchor was moved or set anew.

    Raises:
        ConfigError: the policy is unknown.
    """

    def __init__(
        self,
        clock: SampleClock,
        policy: str = "trust",
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if policy not in POLICIES:
            raise ConfigError(
                f"--timetags {policy!r} is unknown; choose one of {', '.join(POLICIES)}"
            )
        self.policy = policy
        self.late = self.far = self.foreign = self.moved = 0
        self._clock, self._wall, self._monotonic = clock, wall, monotonic
        self._anchors: OrderedDict[Hashable, _Anchor] = OrderedDict()
        self._offset = wall() - monotonic()

    def due(self, client: Hashable, timetag: int) -> Due:
        """The time at which a bundle takes effect.

        Args:
            client: its sender; timetag: 64-bit NTP; 1 (and 0) means immediately.

        Raises:
            FarError: the tag is too far ahead; counted in `far`.
        """
        if timetag <= IMMEDIATELY or self.policy == "immediate":
            return Due()
        now = self._now()
        moment = unix_time(timetag, now + self._offset) - self._offset
        ahead = moment - now
        clock = foreign_clock(timetag, now + self._offset)
        self.foreign += clock != ""
        if clock and self.policy == "clamp" and abs(ahead) > DAY_S:
            return Due(NOW, clock=clock)
        if ahead < 0:
            self.late += 1
            return Due(NOW, -ahead, clock)
        if self.policy == "clamp" and ahead > CLAMP_S:
            return Due(self._clock.sample_at(now + CLAMP_S), clock=clock)
        if ahead > MAX_AHEAD_S:
            self.far += 1
            if clock:
                raise FarError(
                    f"the time tag ({ahead:.0f} s ahead) {clock}; OSC's count seconds since 1900 in"
                    " UTC: send such ones, or use --timetags clamp, which plays others soon, or"
                    " --timetags immediate"
                )
            raise FarError(
                f"a time tag {ahead:.0f} s ahead is not waited for; up to {MAX_AHEAD_S:.0f} s are:"
                " set the clocks alike, or use --timetags immediate"
            )
        return Due(self._sample(client, timetag, moment, now))

    def now(self) -> int:
        """The time tag of this moment."""
        return round((self._now() + self._offset + UNIX) * ERA) % (ERA * ERA)

    def forget(self) -> None:
        """Give up all anchors."""
        self._anchors.clear()

    def _now(self) -> float:
        before, wall, after = self._monotonic(), self._wall(), self._monotonic()
        if after - before < _QUICK_S:
            self._offset = wall - (before + after) / 2
        return after

    def _sample(self, client: Hashable, timetag: int, moment: float, now: float) -> int:
        mapped, rate = self._clock.sample_at(moment), self._clock.rate
        if mapped == NOW:
            return NOW
        anchor = self._anchors.get(client)
        if anchor is not None and anchor.rate == rate:
            self._anchors.move_to_end(client)
            sample = anchor.sample + _samples(timetag - anchor.timetag, rate)
            error = mapped - sample
            # After a step of the clock (a gap, a correction) the old anchor is worthless.
            same = anchor.steps == self._clock.steps
            if abs(error) <= (STEP_S if same else SLACK_S) * rate:
                anchor.steps = self._clock.steps
                return sample + self._follow(anchor, error, now)
        self.moved += anchor is not None
        self._anchors[client] = _Anchor(timetag, mapped, rate, self._clock.steps, now)
        if len(self._anchors) > MAX_ANCHORS:
            self._anchors.popitem(last=False)
        return mapped

    def _follow(self, anchor: _Anchor, error: int, now: float) -> int:
        """Move an anchor that has drifted away; returns by how many samples."""
        excess = abs(error) - round(SLACK_S * anchor.rate)
        step = min(excess, int(MAX_DRIFT * anchor.rate * (now - anchor.moved)))
        if step <= 0:
            return 0
        step = step if error > 0 else -step
        anchor.sample += step
        anchor.moved = now
        self.moved += 1
        return step


def _samples(fractions: int, rate: int) -> int:
    """A difference of time tags in samples, rounded only once."""
    return (fractions * rate + (ERA >> 1)) // ERA
