"""What is told to a new engine makes it equal to the one that heard everything."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from realtime.namespace.event import NOW, Event
from realtime.supervisor.recall import MAX_HELD, MAX_TARGETS, Recall

CONTROLS = ("/a/pitch", "/a/axis", "/a/axis/0", "/a/axis/1", "/sustain", "/program", "/gain")
keys = st.integers(0, 5).map(float)
events = st.one_of(
    st.tuples(st.sampled_from(CONTROLS), st.tuples(st.floats(-1, 1))),
    st.tuples(st.just("/a/axis"), st.tuples(st.floats(-1, 1), st.floats(-1, 1))),
    st.tuples(st.just("/note/on"), st.tuples(keys, st.integers(0, 127).map(float))),
    st.tuples(st.just("/note/off"), st.tuples(keys)),
    st.tuples(st.sampled_from(("/panic", "/all_notes_off")), st.just(())),
)


@dataclass
class Rack:
    """An engine as far as events go: vectors, their elements, held notes in order."""

    values: dict[str, tuple[float, ...]] = field(default_factory=dict)
    axis: list[float] = field(default_factory=lambda: [0.0, 0.0])
    held: dict[float, float] = field(default_factory=dict)

    def hear(self, event: Event) -> None:
        target, value = event.target, event.value
        if target in ("/panic", "/all_notes_off"):
            self.held.clear()
        elif target in ("/note/on", "/note/off"):
            self.held.pop(value[0], None)
            if target == "/note/on" and value[1] > 0:
                self.held[value[0]] = value[1]
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
