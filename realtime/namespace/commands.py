"""`Commands`: the requests that are made by address and answered, unlike events.

An event changes the sound and gets no answer. A command (`/snapshot/store name`, `/learn control`)
runs in the control process and is answered with `/done` and its own address, with a reply of its
own, or with `/fail`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from realtime.protocol.osc_decode import OscArg


class Answer(NamedTuple):
    """The answer to the sender of a command.

    Args:
        address: `/done`, or that of a reply.
        args: its arguments.
    """

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
        foreign: called as `(address, args, time)` for messages to an unknown address, time as in
            `Event`; returns whether it took the message (that of a foreign controller's fader that
            is mapped, or being learnt).
    """

    def __init__(self) -> None:
        self._table: dict[str, Command] = {}
        self.foreign: Foreign = _nobody

    def add(self, address: str, command: Command) -> None:
        """Add a command.

        Args:
            address: of the command.
            command: gets the arguments and returns the answer; must not block. A `SynthError` that
                it raises (`ProtocolError` for wrong arguments) is answered with `/fail`.
        """
        self._table[address] = command

    def remove(self, address: str) -> None:
        """Remove the command of an address, if there is one."""
        self._table.pop(address, None)

    def find(self, address: str) -> Command | None:
        """The command of an address, or None."""
        return self._table.get(address)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of all commands, sorted."""
        return tuple(sorted(self._table))


def _nobody(address: str, args: Args, time: int) -> bool:
    return False
