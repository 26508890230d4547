"""Messages between the processes: what goes in comes out, nothing else gets through."""

from __future__ import annotations

import io
import json
import math
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.namespace.event import NOW, Event
from realtime.process.link import (
    COALESCE_ABOVE,
    MAX_LINE,
    MAX_WAITING,
    MOMENTS,
    Outbox,
    decode_events,
    encode,
    encode_events,
    read_message,
)
from synth.contract import ProtocolError

events = st.builds(
    Event,
    st.integers(-1, 2**53),
    st.text(min_size=1, max_size=40),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=8).map(tuple),
)


@given(st.lists(events, max_size=20))
def test_events_come_out_as_they_went_in(sent: list[Event]) -> None:
    """Times, targets and 64-bit values survive, whatever text a target is made of."""
    message = read_message(io.BytesIO(encode_events("events", sent)))
    assert message is not None
    assert decode_events(message) == sent


@given(st.binary(max_size=200))
def test_garbage_is_refused_and_nothing_else(garbage: bytes) -> None:
    """Arbitrary bytes either are a message or raise the one error that is meant for it."""
    try:
        message = read_message(io.BytesIO(garbage))
        if message is not None:
            decode_events(message)
    except ProtocolError:
        pass


def test_lines_without_end_are_refused() -> None:
    """A peer gone mad doesn't fill the memory."""
    with pytest.raises(ProtocolError, match="longer"):
        read_message(io.BytesIO(b" " * (MAX_LINE + 2)))


def test_numbers_must_be_finite_and_may_be_numpys() -> None:
    """JSON has no NaN; numpy's scalars and arrays are welcome."""
    with pytest.raises(ValueError, match="JSON"):
        encode("beat", level=math.nan)
    line = encode("beat", level=np.float32(0.5), axis=np.arange(3))
    assert json.loads(line) == {"kind": "beat", "level": 0.5, "axis": [0, 1, 2]}


def drain(outbox: Outbox) -> list[Event]:
    """All waiting events."""
    found: list[Event] = []
    outbox.put_message(encode("marker"))
    assert outbox.take() == encode("marker")  # messages go before events
    while outbox.waiting:
        line = outbox.take()
        assert line is not None
        found += decode_events(json.loads(line))
    return found


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), max_size=50))
def test_order_is_kept_while_there_is_room(told: list[tuple[str, int]]) -> None:
    """Below 1 024 waiting events nothing is left out or moved."""
    outbox = Outbox()
    sent = [Event(NOW, f"/{name}", (float(value),)) for name, value in told]
    for event in sent:
        outbox.put(event)
    assert drain(outbox) == sent


def test_a_flood_keeps_the_last_value_and_every_note() -> None:
    """200 000 values with 2 000 notes among them: memory stays small, the last value of every
    control arrives, and so do all notes, in order."""
    outbox = Outbox()
    notes = []
    for number in range(200_000):
        outbox.put(Event(NOW, f"/a/{number % 7}", (float(number),)))
        if number % 100 == 0:
            notes.append(Event(NOW, "/note/on" if number % 200 else "/note/off", (60.0, 1.0)))
            outbox.put(notes[-1])
    got = drain(outbox)
    assert len(got) <= COALESCE_ABOVE + len(notes) + 7
    assert [e for e in got if e.target in MOMENTS] == notes
    last = {e.target: e.value[0] for e in got if e.target not in MOMENTS}
    assert sorted(last.values()) == [float(n) for n in range(199_993, 200_000)]
    assert outbox.coalesced > 190_000
    assert outbox.dropped_moments == outbox.dropped_values == 0


def test_a_lost_note_is_counted_and_leaves_none_hanging() -> None:
    """Beyond 16 384 waiting notes some are lost: they are counted, and all notes end after those
    that came before the loss."""
    outbox = Outbox()
    for number in range(MAX_WAITING + 5):
        outbox.put(Event(NOW, "/note/on", (float(number % 128), 1.0)))
    got = drain(outbox)
    assert outbox.dropped_moments == 5
    assert [e.target for e in got] == ["/note/on"] * MAX_WAITING + ["/all_notes_off"]


def test_what_belongs_together_travels_in_one_piece() -> None:
    """However full the batches are: an engine that takes a batch at once tears no group."""
    outbox, groups = Outbox(), []
    for number in range(200):
        groups.append([Event(NOW, f"/{number}/{i}", (1.0,)) for i in range(number % 23 + 1)])
        outbox.put_group(groups[-1])
    batches = []
    while outbox.waiting:
        line = outbox.take()
        assert line is not None
        batches.append({e.target for e in decode_events(json.loads(line))})
    for group in groups:
        assert sum({e.target for e in group} <= batch for batch in batches) == 1


def test_groups_and_events_with_a_time_are_not_coalesced() -> None:
    """In a flood a waiting value is not replaced by a later one where a group lies between them:
    the group's would come last."""
    outbox = Outbox()
    for _ in range(COALESCE_ABOVE):
        outbox.put(Event(NOW, "/note/on", (60.0, 1.0)))
    outbox.put(Event(NOW, "/a", (1.0,)))
    outbox.put_group([Event(NOW, "/a", (2.0,)), Event(NOW, "/b", (2.0,))])
    outbox.put(Event(NOW, "/a", (3.0,)))
    outbox.put(Event(NOW, "/a", (4.0,)))
    for time in (100, 200, 100):
        outbox.put(Event(time, "/a", (5.0,)))
    outbox.put(Event(NOW, "/a", (6.0,)))
    values = [(e.time, e.value) for e in drain(outbox) if e.target == "/a"]
    assert values == [
        (NOW, (1.0,)), (NOW, (2.0,)), (NOW, (4.0,)), (100, (5.0,)), (200, (5.0,)), (100, (5.0,)),
        (NOW, (6.0,)),
    ]  # fmt: skip
    assert outbox.coalesced == 1


def test_a_group_is_dropped_as_a_whole() -> None:
    outbox = Outbox()
    for number in range(MAX_WAITING - 1):
        outbox.put(Event(number, "/a", (1.0,)))
    outbox.put_group([Event(NOW, "/note/on", (60.0, 1.0)), Event(NOW, "/b", (2.0,))])
    assert (outbox.dropped_moments, outbox.dropped_values) == (1, 1)
    targets = [e.target for e in drain(outbox)]
    assert targets == ["/a"] * (MAX_WAITING - 1) + ["/all_notes_off"]


def test_close_frees_the_writer() -> None:
    """A thread that waits for events ends when the process it writes for is gone."""
    outbox = Outbox()
    lines: list[bytes | None] = []
    writer = threading.Thread(target=lambda: lines.append(outbox.take()))
    writer.start()
    outbox.close()
    writer.join(5.0)
    assert not writer.is_alive()
    assert lines == [None]


def test_the_expression_of_two_notes_is_never_taken_for_one() -> None:
    """Values of the same note replace each other, those of another key or id don't."""
    box = Outbox()
    for _ in range(COALESCE_ABOVE):
        box.put(Event(NOW, "/gain", (0.0,)))
    for bend in (1.0, 2.0):
        for note in ((60.0, bend), (60.0, bend, 2.0), (61.0, bend, 2.0)):
            box.put(Event(NOW, "/note/bend", note))
    assert box.coalesced == 3
