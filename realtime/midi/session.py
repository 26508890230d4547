"""`SessionMidi`: the MIDI ports of a playing session, and when what they hear takes effect."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from realtime.midi.arrival import MARGIN_S, SampleTimes
from realtime.midi.faders import Bound, Faders, Values
from realtime.midi.input import MidiInput
from realtime.midi.output import MidiOutput
from realtime.namespace.event import Event
from realtime.namespace.sources import Mover
from realtime.process.clock import SampleClock
from synth.contract import require_within

ALL_MEMBERS = 15


@dataclass(frozen=True)
class MidiSettings:
    """What a session does with MIDI.

    Args:
        port: None for no input, "" for the first port (or a virtual one), else part of its name.
        out: the same for the port that controls go out to.
        delay_ms: from a message to its effect, 0 … 1000; None: one block and a millisecond.
        mpe: whether there is a lower zone of 15 channels from the start.

    Raises:
        ConfigError: the delay is out of its range.
    """

    port: str | None = None
    out: str | None = None
    delay_ms: float | None = None
    mpe: bool = False

    def __post_init__(self) -> None:
        if self.delay_ms is not None:
            require_within("--midi-delay", self.delay_ms, 0, 1000)


class _Map(Protocol):
    @property
    def bindings(self) -> Sequence[Bound]:
        """What moves what."""

    @property
    def mpe(self) -> int:
        """Channels of a lower zone from the start."""


class _Mapper(Mover, Protocol):
    @property
    def mapping(self) -> _Map:
        """The map of now."""


class SessionMidi:
    """Ports from construction to `close`.

    Args:
        settings: see there; mapper: what controllers move; take: plays events, any thread.
        values: the last value of an address; clock: of the engine.
        driver: what was agreed with the device (`block`, `sample_rate`), as far as it is known.

    Attributes:
        input, output: the ports, where they are wanted.

    Raises:
        DeviceError: a port can't be opened; says which there are.
    """

    def __init__(
        self,
        settings: MidiSettings,
        mapper: _Mapper,
        take: Callable[[Event], None],
        values: Values,
        clock: SampleClock,
        driver: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._settings, self._driver = settings, driver
        self.input: MidiInput | None = None
        self.output: MidiOutput | None = None
        faders = Faders(lambda: mapper.mapping.bindings, mapper.channel or 1)
        with contextlib.ExitStack() as stack:
            if settings.out is not None:
                self.output = MidiOutput(settings.out or None, faders, values)
                stack.callback(self.output.close)
            if settings.port is not None:
                self.input = MidiInput(
                    settings.port or None,
                    take,
                    mapper,
                    when=SampleTimes(clock, self._delay),
                    heard=lambda message: faders.heard(message, time.monotonic()),
                    members=ALL_MEMBERS if settings.mpe else mapper.mapping.mpe,
                )
                stack.callback(self.input.close)
            self._stack = stack.pop_all()

    def look(self, server_lost: bool) -> None:
        """Look after the ports; never waits.

        Args:
            server_lost: whether the audio server was lost and is back. A JACK server takes its MIDI
                ports along, without a word to their owners.
        """
        for port in (self.input, self.output):
            if port is not None and server_lost and port.api == "jack":
                port.renew()
            elif port is not None:
                port.check()

    def close(self) -> None:
        """End notes, give the ports back. May be called twice."""
        self._stack.close()

    def _delay(self) -> float:
        """Seconds: so long that what came while a block was rendered keeps its place in it."""
        if self._settings.delay_ms is not None:
            return self._settings.delay_ms / 1000
        driver = self._driver()
        rate = driver.get("sample_rate", 0)
        return driver["block"] / rate + MARGIN_S if rate else MARGIN_S
