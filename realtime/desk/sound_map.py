"""The command `/<instrument>/map`, which is answered with the places of the training sounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from realtime.namespace.commands import Answer, Args, Command
from realtime.namespace.global_addresses import MAP_FORM, MAX_INT32, named
from realtime.protocol.osc_decode import OscArg
from synth.contract import Place, ProtocolError

MAX_REPLY = 8_000  # bytes of the places in an answer
_PLACE_BYTES = 24  # of a place beside its name: padding, tags, coordinates


def map_commands(maps: Mapping[str, Sequence[Place]]) -> dict[str, Command]:
    """The commands of all instruments that have a map, by address.

    Args:
        maps: places by the name of the instrument.
    """
    return {
        (address := named(MAP_FORM, name)): _command(f"{address}.reply", places)
        for name, places in maps.items()
    }


def _command(reply: str, places: Sequence[Place]) -> Callable[[Args], Answer]:
    """Answers with the number of all places, and as many of them as fit into a packet."""

    def command(args: Args) -> Answer:
        fitting: list[OscArg] = []
        room = MAX_REPLY
        for place in places[_first(args) :]:
            room -= len(place.name) + _PLACE_BYTES
            if room < 0:
                break
            fitting += [place.name, *place.position]
        return Answer(reply, (len(places), *fitting))

    return command


def _first(args: Args) -> int:
    if not args:
        return 0
    first = args[0]
    if len(args) > 1 or not isinstance(first, int | float) or not 0 <= first <= MAX_INT32:
        raise ProtocolError("needs the number of the first sound to answer, from 0, or nothing")
    return int(first)
