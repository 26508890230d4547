"""The last values of controls and meters, and those who hear of changes."""

from __future__ import annotations

import threading

import pytest

from realtime.namespace.event import NOW, Event
from realtime.namespace.namespace import Namespace
from realtime.namespace.values import MAX_LISTENERS, MAX_METERS, MAX_WAITING, Change, Values
from synth.contract import Control

CONTROLS = (Control("position"), Control("latent", 3, (-1.0,), (1.0,), (0.25,), role="latent"))


@pytest.fixture
def values() -> Values:
    made = Values()
    made.set_namespace(Namespace({"codec": CONTROLS}))
    return made


def test_everything_starts_at_its_default(values: Values) -> None:
    assert values.get("/codec/latent") == (0.25, 0.25, 0.25)
    assert values.get("/codec/latent/2") == (0.25,)
    assert values.get("/gain") == (0.0,)
    assert values.get("/codec/latent/3") is None
    assert values.get("/nothing") is None


def test_an_element_changes_its_control(values: Values) -> None:
    listener = values.listen()
    values.observe(Event(NOW, "/codec/latent/1", (0.5,)), "midi")
    assert values.get("/codec/latent") == (0.25, 0.5, 0.25)
    assert listener.take() == [Change("/codec/latent", (0.25, 0.5, 0.25), "midi")]
    assert listener.take() == []


def test_wrong_sizes_change_nothing(values: Values) -> None:
    before = values.all()
    for target, value in (
        ("/codec/latent", (1.0,)), ("/codec/latent/1", (1.0, 2.0)), ("/codec/latent/9", (1.0,)),
        ("/codec/latent/99999", (1.0,)), ("/codec/position", ()), ("/none/x", (1.0,)),
    ):  # fmt: skip
        values.observe(Event(NOW, target, value))
    assert values.all() == before


def test_values_are_heard_once_and_events_each(values: Values) -> None:
    listener = values.listen()
    for x in (0.1, 0.2, 0.3):
        values.observe(Event(NOW, "/codec/position", (x,)))
        values.observe(Event(NOW, "/note/on", (60.0, 100 * x)))
    heard = listener.take()
    assert [c.address for c in heard] == ["/note/on", "/note/on", "/codec/position", "/note/on"]
    assert heard[2].value == (0.3,)


def test_only_what_is_wanted_is_heard(values: Values) -> None:
    listener = values.listen(lambda address: address == "/gain")
    values.observe(Event(NOW, "/codec/position", (0.5,)))
    values.observe(Event(NOW, "/gain", (-6.0,)))
    assert listener.take() == [Change("/gain", (-6.0,))]


def test_meters_are_heard_when_they_move(values: Values) -> None:
    listener = values.listen()
    values.meter("/meter/peak", 0.5)
    values.meter("/meter/peak", 0.5)
    assert values.get("/meter/peak") == (0.5,)
    assert listener.take() == [Change("/meter/peak", (0.5,), "engine")]
    for i in range(2 * MAX_METERS):
        values.meter(f"/meter/{i}", 1.0)
    assert values.get(f"/meter/{2 * MAX_METERS - 1}") is None


def test_a_sleeping_listener_is_bounded_and_loses_the_oldest(values: Values) -> None:
    listener = values.listen()
    for i in range(MAX_WAITING + 10):
        values.observe(Event(NOW, "/note/on", (60.0, float(i))))
    heard = listener.take()
    assert (len(heard), listener.lost) == (MAX_WAITING, 10)
    assert heard[0].value == (60.0, 10.0)


def test_a_rack_that_changes_keeps_what_still_exists(values: Values) -> None:
    values.observe(Event(NOW, "/codec/position", (0.5,)))
    values.observe(Event(NOW, "/gain", (-6.0,)))
    values.set_namespace(
        Namespace({"codec": (CONTROLS[0], Control("latent", 2, (-1.0,), (1.0,), (0.0,)))})
    )
    assert values.get("/codec/position") == (0.5,)
    assert values.get("/codec/latent") == (0.0, 0.0)
    assert values.get("/gain") == (-6.0,)


def test_closing_wakes_the_one_who_waits(values: Values) -> None:
    listener = values.listen()
    heard: list[list[Change]] = []
    thread = threading.Thread(target=lambda: heard.append(listener.take(60.0)))
    thread.start()
    listener.close()
    listener.close()
    thread.join(10.0)
    assert heard == [[]]
    values.observe(Event(NOW, "/gain", (1.0,)))
    assert listener.take() == []


def test_listeners_are_bounded(values: Values) -> None:
    listeners = [values.listen() for _ in range(MAX_LISTENERS)]
    with pytest.raises(RuntimeError, match="close one"):
        values.listen()
    listeners[0].close()
    values.listen()
