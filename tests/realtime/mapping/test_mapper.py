"""A map at work: pick-up, learning, macros, and OSC from foreign controllers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from builders import write_sampler

from realtime.mapping.control_map import Binding, ControlMap, Macro, bind, default_mapping
from realtime.mapping.mapper import Mapper, is_own
from realtime.mapping.pad import Pad, Point
from realtime.namespace.event import NOW, Event
from realtime.namespace.namespace import Namespace
from realtime.namespace.sources import Source
from realtime.namespace.values import Values
from realtime.session.offline import render_files
from synth.contract import ConfigError, Control, ProtocolError

CONTROLS = (
    Control("position", 1, (0.0,), (2.0,), (0.5,), "s"),
    Control("cutoff", 1, (20.0,), (20_000.0,), (1_000.0,), "Hz", "exponential"),
    Control("levels", 1, (1.0,), (8.0,), (8.0,), "", "integer"),
    Control("latent", 3, (-2.0,), (2.0,), (0.0,), role="latent"),
)
RACK = Namespace({"codec": CONTROLS})
KNOB = Source("cc", 20)


@pytest.fixture
def values() -> Values:
    made = Values()
    made.set_namespace(RACK)
    return made


def knob(mapper: Mapper, values: Values, position: float) -> float | None:
    """Turn the knob, as a session does; where the control goes, if anywhere."""
    events = mapper.moved(KNOB._replace(channel=1), position)
    for event in events:
        values.observe(event)
    return events[0].value[-1] if events else None


def test_a_knob_with_pickup_takes_over_when_it_passes_the_value(values: Values) -> None:
    mapping = ControlMap((Binding(KNOB, "/codec/position", 0.0, 2.0, pickup=True),))
    mapper = Mapper(mapping, RACK, values)
    assert knob(mapper, values, 0.9) is None  # the value is at 0.25 of its range
    assert knob(mapper, values, 0.6) is None
    assert knob(mapper, values, 0.2) == pytest.approx(0.4)  # passed it
    assert knob(mapper, values, 0.9) == pytest.approx(1.8)  # and keeps it
    values.observe(Event(NOW, "/codec/position", (1.0,)))  # somebody else moves it
    assert knob(mapper, values, 0.8) is None
    assert knob(mapper, values, 0.505) == pytest.approx(1.01)  # close enough
    assert knob(mapper, values, 0.7) == pytest.approx(1.4)


def test_without_pickup_a_knob_moves_at_once(values: Values) -> None:
    mapper = Mapper(ControlMap((Binding(KNOB, "/codec/position", 0.0, 2.0),)), RACK, values)
    assert knob(mapper, values, 0.9) == pytest.approx(1.8)


def test_learn_then_move(values: Values) -> None:
    learnt: list[Binding] = []
    mapper = Mapper(default_mapping(RACK), RACK, values, learnt.append)
    mapper.learn("/codec/cutoff", 100.0, 1_000.0)
    assert mapper.moved(Source("cc", 99, 3), 0.5) == ()  # part of an NRPN: nothing to learn
    assert mapper.moved(Source("cc14", 1, 3), 0.5) == ()
    (event,) = mapper.moved(Source("cc", 1, 3), 0.5)
    assert event == Event(NOW, "/codec/cutoff", (pytest.approx(316.2, abs=0.1),))
    assert [b.source for b in learnt] == [Source("cc", 1, 3)]
    targets = [b.target for b in mapper.mapping.bindings]
    assert targets.count("/codec/cutoff") == 1  # what moved it before moves it no more
    # The mod wheel moved a latent axis on all channels: now it moves what was learnt, alone.
    assert "/codec/latent/0" not in targets
    with pytest.raises(ConfigError, match="nothing has the address"):
        mapper.learn("/codec/cutof")


def test_a_controller_of_14_bits_is_learnt_as_one(values: Values) -> None:
    """MSB, then LSB with a number 32 higher (MIDI 1.0, controllers)."""
    mapper = Mapper(ControlMap(), RACK, values)
    mapper.learn("/codec/position")
    for kind, number in (("cc14", 20), ("cc", 20), ("cc14", 20), ("cc", 52)):
        mapper.moved(Source(kind, number, 1), 0.5)
    assert [b.source for b in mapper.mapping.bindings] == [Source("cc14", 20, 1)]
    mapper.learn("/codec/cutoff")
    for kind, number in (
        ("cc14", 21),
        ("cc", 21),
        ("cc14", 21),
        ("cc", 21),
        ("cc", 90),
        ("cc", 53),
    ):
        mapper.moved(Source(kind, number, 1), 0.5)
    assert mapper.mapping.bindings[-1].source == Source("cc", 21, 1)


def test_forget_and_stop(values: Values) -> None:
    mapper = Mapper(default_mapping(RACK), RACK, values)
    before = len(mapper.mapping.bindings)
    assert mapper.forget("/codec/latent") == 3
    assert len(mapper.mapping.bindings) == before - 3
    assert mapper.forget("/codec/latent") == 0
    mapper.learn("/codec/latent/0")
    mapper.stop_learning()
    assert mapper.moved(Source("cc", 90, 1), 0.5) == ()


def test_a_foreign_osc_controller(values: Values) -> None:
    """Faders of 0 … 1 and of 0 … 127, several numbers in a message, and what is no number."""
    mapper = Mapper(ControlMap(), RACK, values)
    assert mapper.foreign("/1/fader1", [0.5]) is None
    mapper.learn("/codec/position")
    assert mapper.foreign("/1/fader1", ["up", float("nan")]) is None
    assert mapper.foreign("/1/fader1", [0.5], 99) == (Event(99, "/codec/position", (1.0,)),)
    assert mapper.foreign("/1/fader1", [0.25]) == (Event(NOW, "/codec/position", (0.5,)),)
    mapper.learn("/codec/latent/1")
    assert mapper.foreign("/knob", [127]) == (Event(NOW, "/codec/latent/1", (2.0,)),)
    xy = (bind(Source("osc", "/xy#1"), "/codec/latent/2", RACK),)
    mapper.replace(replace(mapper.mapping, bindings=xy))
    assert mapper.foreign("/xy", [0.1, 1.0]) == (Event(NOW, "/codec/latent/2", (2.0,)),)


def macro_map() -> ControlMap:
    tone, rough = Source("macro", "tone"), Source("macro", "rough")
    return ControlMap(
        (
            Binding(tone, "/codec/cutoff", 100.0, 1_000.0, "exponential"),
            Binding(tone, "/codec/latent/0", 1.0, -1.0),
            Binding(tone, "/macro/rough", 0.0, 0.5),
            Binding(rough, "/codec/levels", 1.0, 8.0, whole=True),
            Binding(rough, "/macro/tone", 0.0, 1.0),  # a circle
        ),
        macros=(Macro("tone"), Macro("rough", 0.5)),
    )


def test_a_macro_moves_many_each_in_its_range(values: Values) -> None:
    mapper = Mapper(macro_map(), RACK, values)
    event = mapper.namespace.resolve("/macro/tone", [1.0])
    said = mapper.outcome(event)
    assert said[0] == event
    assert is_own(said[0])
    ends = {e.target: e.value[0] for e in said[:5] if not is_own(e)}
    assert ends == {"/codec/cutoff": 1_000.0, "/codec/latent/0": -1.0, "/codec/levels": 4.0}
    assert len(said) < 30  # the circle ends


def test_a_macro_that_glides_lets_its_controls_glide(values: Values) -> None:
    mapper = Mapper(macro_map(), RACK, values)
    said = mapper.outcome(Event(NOW, "/glide/macro/tone", (2.0, 1.0)))
    assert said[0] == Event(NOW, "/macro/tone", (1.0,))
    assert Event(NOW, "/glide/codec/cutoff", (2.0, 1_000.0)) in said


def test_other_events_are_left_alone(values: Values) -> None:
    mapper = Mapper(macro_map(), RACK, values)
    for event in (Event(5, "/note/on", (60.0, 1.0)), Event(NOW, "/codec/latent", (0.0, 1.0, 2.0))):
        assert mapper.outcome(event) == [event]
        assert not is_own(event)


def test_points_are_stored_where_the_pad_is_and_blended_between(values: Values) -> None:
    pad = Pad("plane", ("/codec/latent", "/codec/cutoff"))
    mapper = Mapper(ControlMap(pads=(pad,)), RACK, values)

    def at(x: float, y: float) -> dict[str, tuple[float, ...]]:
        return {e.target: e.value for e in mapper.outcome(Event(NOW, "/pad/plane", (x, y)))[1:]}

    assert at(0.0, 0.5) == {}
    values.observe(Event(NOW, "/codec/latent", (-2.0, 0.0, 2.0)))
    values.observe(Event(NOW, "/codec/cutoff", (20.0,)))
    assert mapper.store_point("plane") == 1
    values.observe(Event(NOW, "/codec/latent", (2.0, 1.0, 2.0)))
    values.observe(Event(NOW, "/codec/cutoff", (20_000.0,)))
    assert mapper.store_point("plane", (1.0, 0.5)) == 2
    assert at(0.0, 0.5)["/codec/latent"] == pytest.approx((-2.0, 0.0, 2.0))
    assert at(1.0, 0.5)["/codec/cutoff"] == pytest.approx((20_000.0,))
    middle = at(0.5, 0.5)
    assert middle["/codec/latent"] == pytest.approx((0.0, 0.5, 2.0), abs=1e-6)
    assert middle["/codec/cutoff"] == pytest.approx((632.46,), rel=1e-4)  # halfway in ratios
    (moved,) = [
        e for e in mapper.outcome(Event(NOW, "/pad/plane/0", (0.0,))) if e.target == "/codec/latent"
    ]
    assert moved.value == pytest.approx((-2.0, 0.0, 2.0))  # y is where it was
    glides = mapper.outcome(Event(NOW, "/glide/pad/plane", (1.5, 1.0, 0.5)))
    assert glides[1].target == "/glide/codec/latent"
    assert glides[1].value[0] == 1.5
    assert mapper.clear_points("plane", (0.9, 0.5)) == 1
    assert mapper.clear_points("plane") == 0
    with pytest.raises(ProtocolError, match="no pad 'plan'; known are plane"):
        mapper.store_point("plan")


def test_a_score_moves_macros_too(tmp_path: Path) -> None:
    """Offline as live: a log and a controller in a MIDI file reach the engine through the macro."""
    instrument = write_sampler(tmp_path)
    path = tmp_path / "map.yaml"
    path.write_text(
        "macros: {tone: 0}\nbindings:\n- {source: cc 1, target: /macro/tone}\n"
        "- {source: macro tone, target: /gain, min: -80, max: 0}\n"
    )
    log = tmp_path / "score.jsonl"
    log.write_text(
        '{"time": 0, "address": "/note/on", "args": [60, 100]}\n'
        '{"time": 0.5, "address": "/macro/tone", "args": [0]}\n'
    )
    out = tmp_path / "out.wav"
    render_files([instrument], out, osc=log, mapping=path, tail_s=0.5)
    sound, rate = soundfile.read(out)
    assert np.abs(sound[: rate // 2]).max() > 1e-3
    assert np.abs(sound[rate * 6 // 10 :]).max() < 1e-4


def test_pads_and_macros_are_found_in_the_namespace(values: Values) -> None:
    pad = Pad("plane", ("/codec/latent",), points=(Point(0, 0, (0.0, 0.0, 0.0)),))
    mapping = replace(macro_map(), pads=(pad,))
    known = Mapper(mapping, RACK, values).namespace
    assert known.controls["/macro/rough"].default == (0.5,)
    assert known.controls["/pad/plane"].size == 2
    assert known.resolve("/pad/plane", [2.0, 0.5]).value == (1.0, 0.5)
