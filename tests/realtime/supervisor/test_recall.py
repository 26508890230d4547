"""What is told to a new engine makes it equal to the one that heard everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from realtime.namespace.event import NOW, Event
from realtime.namespace.global_addresses import channel_address
from realtime.supervisor.recall import MAX_HELD, MAX_TARGETS, Recall

CONTROLS = ("/a/pitch", "/a/axis", "/a/axis/0", "/a/axis/1", "/gain")
BY_CHANNEL = ("/sustain", "/program", "/volume")
keys = st.integers(0, 5).map(float)
channels = st.sampled_from((0, 1, 2))


def by_channel(
    targets: Sequence[str], values: st.SearchStrategy[tuple[float, ...]]
) -> st.SearchStrategy[tuple[str, tuple[float, ...]]]:
    """Any of these events with and without a channel."""
    addresses = st.builds(channel_address, channels, st.sampled_from(targets))
    return st.tuples(addresses, values)


events = st.one_of(
    st.tuples(st.sampled_from(CONTROLS), st.tuples(st.floats(-1, 1))),
    st.tuples(st.just("/a/axis"), st.tuples(st.floats(-1, 1), st.floats(-1, 1))),
    by_channel(BY_CHANNEL, st.tuples(st.floats(0, 1))),
    by_channel(("/note/on",), st.tuples(keys, st.integers(0, 127).map(float))),
    by_channel(("/note/off",), st.tuples(keys)),
    by_channel(("/panic", "/all_notes_off"), st.just(())),
)


@dataclass
class Rack:
    """An engine as far as events go: vectors, their elements, values of each channel, and held
    notes in order. What is said of no channel is said of all; notes of none are their own."""

    values: dict[str, tuple[float, ...]] = field(default_factory=dict)
    axis: list[float] = field(default_factory=lambda: [0.0, 0.0])
    held: dict[tuple[int, float], float] = field(default_factory=dict)
    of_channels: dict[tuple[str, int], float] = field(default_factory=dict)

    def hear(self, event: Event) -> None:
        target, value = event.target, event.value
        channel = 0
        if target.startswith("/channel/"):
            _, _, number, rest = target.split("/", 3)
            channel, target = int(number), f"/{rest}"
        if target in ("/panic", "/all_notes_off"):
            self.held = {n: v for n, v in self.held.items() if channel not in (0, n[0])}
        elif target in ("/note/on", "/note/off"):
            self.held.pop((channel, value[0]), None)
            if target == "/note/on" and value[1] > 0:
                self.held[channel, value[0]] = value[1]
        elif target in BY_CHANNEL:
            for number in (channel,) if channel else range(17):
                self.of_channels[target, number] = value[0]
        elif target == "/a/axis":
            self.axis[: len(value)] = value
        elif target.startswith("/a/axis/"):
            self.axis[int(target[-1])] = value[0]
        else:
            self.values[target] = value


@given(st.lists(events, max_size=60))
def test_a_new_rack_becomes_the_old_one(told: list[tuple[str, tuple[float, ...]]]) -> None:
    """For any sequence of events; vectors of different lengths aside, which an engine refuses."""
    told = [(t, v) for t, v in told if t != "/a/axis" or len(v) == 2]
    old, new, recall = Rack(), Rack(), Recall()
    for target, value in told:
        old.hear(Event(NOW, target, value))
        recall.observe(Event(NOW, target, value))
    for event in recall.events():
        new.hear(event)
    assert (new.values, new.axis) == (old.values, old.axis)
    assert new.of_channels == old.of_channels
    assert list(new.held.items()) == list(old.held.items())


def test_notes_return_with_their_ids_and_their_expression() -> None:
    """What is said of one note goes with it; what names no id is for all notes of the key."""
    recall = Recall()
    for target, value in (
        ("/note/on", (60.0, 90.0, 2.0)),
        ("/note/on", (60.0, 80.0, 3.0)),
        ("/note/bend", (60.0, 1.5, 3.0)),
        ("/note/pressure", (60.0, 0.5)),
        ("/note/timbre", (61.0, 0.5)),  # nothing sounds there
        ("/note/on", (62.0, 70.0)),
        ("/note/off", (62.0,)),
    ):
        recall.observe(Event(NOW, target, value))
    first = [
        Event(NOW, "/note/on", (60.0, 90.0, 2.0)),
        Event(NOW, "/note/pressure", (60.0, 0.5, 2.0)),
    ]
    second = [
        Event(NOW, "/note/on", (60.0, 80.0, 3.0)),
        Event(NOW, "/note/bend", (60.0, 1.5, 3.0)),
        Event(NOW, "/note/pressure", (60.0, 0.5, 3.0)),
    ]
    assert recall.events() == first + second
    recall.observe(Event(NOW, "/note/off", (60.0, 3.0)))
    assert recall.events() == first


def test_one_key_on_two_channels_is_two_notes() -> None:
    """What is said of a key on one channel, or on none, leaves the others."""
    recall = Recall()
    for target, value in (
        ("/note/on", (60.0, 90.0)),
        ("/channel/1/note/on", (60.0, 80.0)),
        ("/channel/2/note/on", (60.0, 70.0)),
        ("/channel/2/note/bend", (60.0, 1.5)),
        ("/channel/3/note/bend", (60.0, 2.5)),  # nothing sounds there
    ):
        recall.observe(Event(NOW, target, value))
    second = [
        Event(NOW, "/channel/2/note/on", (60.0, 70.0)),
        Event(NOW, "/channel/2/note/bend", (60.0, 1.5, 0.0)),
    ]
    first = Event(NOW, "/channel/1/note/on", (60.0, 80.0))
    bare = Event(NOW, "/note/on", (60.0, 90.0))
    assert recall.events() == [bare, first, *second]
    recall.observe(Event(NOW, "/note/off", (60.0,)))
    assert recall.events() == [first, *second]
    recall.observe(Event(NOW, "/channel/1/panic"))
    assert recall.events() == second
    recall.observe(Event(NOW, "/all_notes_off"))
    assert recall.events() == []


def test_a_running_transport_runs_on() -> None:
    recall = Recall()
    recall.observe(Event(NOW, "/tempo", (90.0,)))
    recall.observe(Event(NOW, "/transport/start"))
    assert recall.events() == [Event(NOW, "/tempo", (90.0,)), Event(NOW, "/transport/continue")]
    recall.observe(Event(NOW, "/transport/stop"))
    assert recall.events() == [Event(NOW, "/tempo", (90.0,))]


def test_memory_is_bounded_and_says_so() -> None:
    """Endless new targets or notes don't fill the memory; what is left out is counted."""
    recall = Recall()
    for number in range(MAX_TARGETS + 10):
        recall.observe(Event(NOW, f"/a/{number}", (1.0,)))
    for number in range(MAX_HELD + 10):
        recall.observe(Event(NOW, "/note/on", (float(number), 1.0)))
    assert recall.forgotten == 10
    assert len(recall.events()) == MAX_TARGETS + MAX_HELD
