"""An instrument's map over OSC: as many places as fit into a packet, and how many there are."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from builders import PLACES, write_mapped
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from realtime.desk.sound_map import map_commands
from realtime.device.driver import DriverSettings
from realtime.protocol.osc_decode import MAX_PACKET
from realtime.protocol.osc_encode import encode_message
from realtime.session.session import Session, SessionSettings
from synth.contract import Place, ProtocolError
from synth.contract.manifest import MAX_PLACE_NAME, MAX_PLACES

LONGEST = tuple(Place("x" * MAX_PLACE_NAME, (float(i), -float(i), 0.5)) for i in range(MAX_PLACES))


def test_a_long_map_comes_in_packets_that_everybody_takes() -> None:
    command = map_commands({"timbre": LONGEST})["/timbre/map"]
    found: list[Place] = []
    while len(found) < MAX_PLACES:
        address, (count, *rest) = command([len(found)] if found else [])
        assert (address, count) == ("/timbre/map.reply", MAX_PLACES)
        assert len(encode_message(address, [count, *rest])) <= MAX_PACKET
        assert rest
        assert len(rest) % 4 == 0
        for at in range(0, len(rest), 4):
            name, *position = rest[at : at + 4]
            found.append(Place(str(name), tuple(position)))  # type: ignore[arg-type]
    assert tuple(found) == LONGEST
    assert command([MAX_PLACES]).args == (MAX_PLACES,)  # there are no more


@pytest.mark.parametrize("args", [[-1], ["oboe"], [0, 0], [float("nan")], [None], [1 << 40]])
def test_what_is_no_number_of_a_sound_is_refused(args: list[object]) -> None:
    with pytest.raises(ProtocolError, match="number of the first sound"):
        map_commands({"timbre": LONGEST})["/timbre/map"](args)  # type: ignore[arg-type]


def test_a_playing_instrument_tells_its_map(tmp_path: Path) -> None:
    """As it is in the file; characters that OSC doesn't have are question marks."""
    settings = SessionSettings(
        (str(write_mapped(tmp_path)),),
        driver=DriverSettings(kind="null", block=1024),
        osc_port=0,
        oscquery=False,
    )
    with Session(settings) as session, socket.socket(type=socket.SOCK_DGRAM) as client:
        assert session.osc is not None
        client.settimeout(15.0)

        def ask(*args: int | float | bool) -> OscMessage:
            builder = OscMessageBuilder("/mapped/map")
            for arg in args:
                builder.add_arg(arg)
            client.sendto(builder.build().dgram, ("127.0.0.1", session.osc.port))  # type: ignore[union-attr]
            return OscMessage(client.recv(65_536))

        told = [part for p in PLACES for part in (p.name.replace("ö", "?"), *p.position)]
        for bare in (ask(), ask(1.0), ask(True)):  # a button asks as well
            assert bare.address == "/mapped/map.reply"
            assert bare.params == [5, *told]
        assert ask(3).params == [5, *told[12:]]
        assert ask(-1).address == "/fail"
