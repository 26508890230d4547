"""Buttons: a press does what the address says, a release nothing, whatever type the number has."""

from __future__ import annotations

import pytest

from realtime.namespace.buttons import is_release, pressed
from realtime.namespace.event import NOW, Event
from realtime.namespace.global_addresses import (
    COMMANDS,
    GLOBAL_EVENTS,
    QUESTIONS,
    Signature,
    signature_of,
)
from realtime.namespace.namespace import Namespace
from synth.contract import Control

BARE = [a for a, s in {**QUESTIONS, **COMMANDS}.items() if s.bare]


@pytest.mark.parametrize("address", [a for a, e in GLOBAL_EVENTS.items() if not e.arguments])
@pytest.mark.parametrize("state", [0, 0.0, False])
def test_a_release_is_no_press(address: str, state: float) -> None:
    assert is_release(address, [state])
    assert not is_release(address, [])
    assert not is_release(address, [1.0])


def test_values_have_no_release() -> None:
    """Their 0 is a value like all others, and a note's key 0 is a key."""
    for address in ("/sustain", "/gain", "/note/off", "/codec/position", "/nothing"):
        assert not is_release(address, [0.0])


def test_a_pattern_releases_as_well() -> None:
    namespace = Namespace({"codec": (Control("position"),)})
    pattern = "/{panic,all_notes_off,sustain}"
    assert namespace.resolve_all(pattern, [0.0]) == (Event(NOW, "/sustain", (0.0,)),)
    assert namespace.resolve_all("/{panic,all_notes_off}", [0]) == ()


@pytest.mark.parametrize("address", BARE)
def test_a_button_asks_what_needs_no_argument(address: str) -> None:
    for press in (1.0, True):
        assert pressed(signature_of(address), [press]) == ()
    for release in (0.0, False):
        assert pressed(signature_of(address), [release]) is None
    assert pressed(signature_of(address), []) == []


def test_all_commands_with_optional_arguments_are_known() -> None:
    optional = {
        *("/unsubscribe", "/learn", "/mapping/save", "/mapping/list", "/snapshot/list"),
        *("/record/start", "/pad/<name>/store", "/pad/<name>/clear"),
    }
    assert optional <= set(BARE)
    assert {"/record/stop", "/clearSched", "/status"} <= set(BARE)
    assert {"/sync", "/notify", "/subscribe", "/forget", "/snapshot/recall"}.isdisjoint(BARE)


def test_a_number_that_a_command_takes_is_told_from_a_button_by_its_type() -> None:
    listing = signature_of("/snapshot/list")
    for first in (0, 1, 16, 16.0):
        assert pressed(listing, [first]) == [first]
    pad = signature_of("/pad/plane/clear")
    assert pressed(pad, [1]) == ()
    assert pressed(pad, [0]) is None
    assert pressed(pad, [0.5, 0.0]) == [0.5, 0.0]


@pytest.mark.parametrize("args", [["name"], [None], [b""], [1.0, 1.0]])
def test_everything_else_stays_as_it_is(args: list[object]) -> None:
    assert pressed(signature_of("/record/start"), args) == args  # type: ignore[arg-type]
    needs = Signature("", (Control("id"),))
    assert pressed(needs, [0.0]) == [0.0]
