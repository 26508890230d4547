"""`SessionMidi`: the MIDI ports of a playing session, and the delay of their messages."""

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
    """The MIDI settings of a session.

    Args:
        port: of the input: None for none, "" for the first one (or a virtual one), else a part of
            its name.
        out: the same for the port that the values of controls are sent to.
        delay_ms: from a message to its effect, 0 … 1000; None for one block and a millisecond.
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
        """The controllers and the controls that they move."""

    @property
    def mpe(self) -> int:
        """Member channels of a lower zone from the start, 0 … 15."""


class _Mapper(Mover, Protocol):
    @property
    def mapping(self) -> _Map:
        """The current map."""


class SessionMidi:
    """The ports of a session, open from construction to `close`.

    Args:
        settings: which ports, and the delay.
        mapper: the map of controllers.
        take: plays an event; called on any thread.
        values: returns the last value of an address, or None.
        clock: of the engine.
        driver: returns the `block` and `sample_rate` agreed with the device; empty before that.

    Attributes:
        input, output: the ports, None if they are not wanted.

    Raises:
        DeviceError: a port can't be opened; the message lists the ports.
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
        """Check the ports, and reopen those that were lost; never waits.

        Args:
            server_lost: whether the audio server was lost and is back. The MIDI ports of a JACK
                server vanish with it, and their owners aren't told.
        """
        for port in (self.input, self.output):
            if port is not None and server_lost and port.api == "jack":
                port.renew()
            elif port is not None:
                port.check()

    def close(self) -> None:
        """End all notes and release the ports. May be called twice."""
        self._stack.close()

    def _delay(self) -> float:
        """Seconds; by default long enough for the messages during a block to keep their places."""
        if self._settings.delay_ms is not None:
            return self._settings.delay_ms / 1000
        driver = self._driver()
        rate = driver.get("sample_rate", 0)
        return driver["block"] / rate + MARGIN_S if rate else MARGIN_S
