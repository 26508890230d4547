"""What goes back to a controller: movements from elsewhere, never its own."""

from __future__ import annotations

from realtime.midi.faders import HOLD_S, MAX_AT_ONCE, Faders
from realtime.namespace.sources import Source
from tests.realtime.midi_maps import Linear


class Desk:
    """Bindings and values that can be changed, and what is sent."""

    def __init__(self, *sources: Source) -> None:
        self.bindings = [Linear(s, f"/a/{i}") for i, s in enumerate(sources)]
        self.values = {binding.target: (0.0,) for binding in self.bindings}
        self.faders = Faders(lambda: self.bindings)
        self.now = 10.0

    def sent(self) -> list[str]:
        return [m.hex(" ") for m in self.faders.due(self.values.get, self.now)]


def test_everything_is_told_once_and_changes_as_they_come() -> None:
    desk = Desk(Source("cc", 7), Source("cc", 10, 3), Source("cc14", 1), Source("note", 60))
    assert desk.sent() == ["b0 07 00", "b2 0a 00", "b0 01 00", "b0 21 00"]
    assert desk.sent() == []
    desk.values["/a/0"] = (10.0,)
    desk.values["/a/2"] = (10.0,)
    desk.values["/a/3"] = (10.0,)  # nothing is sent for a note
    assert desk.sent() == ["b0 07 7f", "b0 01 7f", "b0 21 7f"]
    desk.faders.forget()
    assert len(desk.sent()) == 4


def test_a_player_s_own_movement_never_comes_back() -> None:
    """Not while the hand is on the fader, though the control lags behind it, and not after."""
    desk = Desk(Source("cc", 7))
    desk.sent()
    for value in range(1, 100):
        desk.now += 0.01
        desk.faders.heard(bytes((0xB0, 7, value)), desk.now)
        desk.values["/a/0"] = (10 * (value - 1) / 127,)  # the value before
        assert desk.sent() == []
    desk.values["/a/0"] = (10 * 99 / 127,)
    assert desk.sent() == []
    desk.now += 2 * HOLD_S
    assert desk.sent() == []


def test_what_moves_it_from_elsewhere_comes_back_when_the_hand_is_off() -> None:
    desk = Desk(Source("cc", 7))
    desk.sent()
    desk.faders.heard(bytes((0xB0, 7, 64)), desk.now)
    desk.values["/a/0"] = (5.0,)
    assert desk.sent() == []
    desk.now += 2 * HOLD_S
    desk.values["/a/0"] = (10.0,)
    assert desk.sent() == ["b0 07 7f"]


def test_another_controller_s_hand_holds_nothing_up() -> None:
    desk = Desk(Source("cc", 7), Source("cc", 8))
    desk.sent()
    desk.faders.heard(bytes((0xB0, 8, 64)), desk.now)
    desk.faders.heard(bytes((0x90, 7, 64)), desk.now)
    desk.values["/a/0"] = (10.0,)
    assert desk.sent() == ["b0 07 7f"]


def test_a_cable_is_never_asked_for_more_than_it_carries() -> None:
    """All of many faders that move at once are served in turn."""
    desk = Desk(*(Source("cc", n) for n in range(100)))
    turns = [desk.sent() for _ in range(6)]
    assert [len(turn) for turn in turns] == [MAX_AT_ONCE] * 5 + [0]
    assert len({message for turn in turns for message in turn}) == 100
    served = set()
    for turn in range(20):  # and none waits for ever while all of them go on moving
        desk.values = {target: (float(turn % 2 * 10),) for target in desk.values}
        served |= {message[:5] for message in desk.sent()}
    assert len(served) == 100


def test_what_is_bound_no_more_is_let_be() -> None:
    desk = Desk(Source("cc", 7))
    desk.sent()
    desk.bindings.clear()
    assert desk.sent() == []
