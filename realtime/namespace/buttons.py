"""Buttons of other programs: they send 1 when they are pressed and 0 when they are released.

What needs no argument happens at the press alone, whatever kind of number says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from realtime.namespace.global_addresses import GLOBAL_EVENTS, Signature
from realtime.protocol.osc_decode import OscArg


def is_release(address: str, args: Sequence[OscArg]) -> bool:
    """Whether a message to a global address is a button that is let go of, and means nothing.

    Args:
        address: any; args: of the message.
    """
    event = GLOBAL_EVENTS.get(address)
    return event is not None and not event.arguments and len(args) == 1 and args[0] == 0


def pressed(signature: Signature, args: Sequence[OscArg]) -> Sequence[OscArg] | None:
    """The arguments of a question or command without the state of the button that sent it, or None
    where that button was released.

    Where nothing can be said, any number is a button's; where something can, 0 and 1 are. A command
    that takes a single number (`/snapshot/list first`) tells them apart by their type: float 1.0
    and 0.0, true and false are a button's, int32 1 and 0 are numbers.

    Args:
        signature: of the command; args: of the message.
    """
    if not signature.bare or len(args) != 1 or not isinstance(args[0], int | float):
        return args
    state = args[0]
    if signature.arguments and state not in (0, 1):
        return args
    if signature.takes_number and type(state) is int:
        return args
    return () if state else None
