"""`Commands`: what can be asked for by address besides events, and answered in words.

An event changes the sound and is not answered. A command (`/snapshot/store name`, `/learn control`)
works in the control process and is answered with `/done` and its own address, with a reply of its
own, or with `/fail`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from realtime.protocol.osc_decode import OscArg


class Answer(NamedTuple):
    """What goes back to who asked: an address and its arguments."""

    address: str
    args: tuple[OscArg, ...] = ()


Args = Sequence[OscArg]
Command = Callable[[Args], Answer]
Foreign = Callable[[str, Args, int], bool]


def done(address: str, *args: OscArg) -> Answer:
    """The usual answer: `/done address args…`."""
    return Answer("/done", (address, *args))


class Commands:
    """A table of commands that can change while it is used.

    Attributes:
        foreign: asked about messages whose address nobody knows, as `(address, args, time)`, time
            as in `Event`; returns whether it took the message (a fader of a foreign controller that
            is mapped, or being learnt).
    """

    def __init__(self) -> None:
        self._table: dict[str, Command] = {}
        self.foreign: Foreign = _nobody

    def add(self, address: str, command: Command) -> None:
        """Answer to an address.

        Args:
            command: gets the arguments, must not block, returns the answer; raises `SynthError`
                (`ProtocolError` for wrong arguments), which is answered with `/fail`.
        """
        self._table[address] = command

    def remove(self, address: str) -> None:
        """Answer to it no more; nothing happens where nobody did."""
        self._table.pop(address, None)

    def find(self, address: str) -> Command | None:
        """The command of an address, or None."""
        return self._table.get(address)

    @property
    def addresses(self) -> tuple[str, ...]:
        """All that is answered to, sorted."""
        return tuple(sorted(self._table))


def _nobody(address: str, args: Args, time: int) -> bool:
    return False
