"""Each note's own bend, pressure and timbre, heard in the controls of its row."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from realtime.engine.engine import Engine
from realtime.engine.plugin import Array, Rows
from realtime.engine.settings import EngineSettings
from realtime.namespace.event import NOW, Event
from synth.contract import Control, Manifest

RATE, HOP = 48_000, 48
CONTROLS = (
    Control("gate", per_voice=True, curve="toggle", role="gate"),
    Control("key", 1, (0.0,), (127.0,), (60.0,), per_voice=True, role="key"),
    Control("bend", 1, (-12.0,), (12.0,), (0.0,), per_voice=True, role="bend"),
    Control("latent", 3, (-2.0, -1.0, -1.0), (4.0, 1.0, 1.0), (0.0, 0.0, 0.0), role="latent"),
    Control("mode", 1, (0.0,), (7.0,), (0.0,), curve="integer"),
)


class Probe:
    """A generator that remembers, by key, what its rows were told."""

    def __init__(self, controls: tuple[Control, ...] = CONTROLS) -> None:
        self.name = "probe"
        self.manifest = Manifest("probe", "test", "generator", RATE, HOP, 0, 1, controls=controls)
        self.told: list[dict[float, dict[str, list[float]]]] = []

    def prepare(self, slots: int) -> None:
        """Nothing is kept."""

    def process(self, rows: Rows, controls: Mapping[str, Array], audio: Array | None) -> Array:
        self.told.append(
            {
                float(controls["key"][row, 0]): {n: v[row].tolist() for n, v in controls.items()}
                for row in range(len(rows))
            }
        )
        return np.tile(np.float32([0.1, -0.1]), HOP // 2)[None, None].repeat(len(rows), 0)

    def reset(self, rows: Rows) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is held."""


def play(*events: tuple[str, tuple[float, ...]], then: int = RATE // 10) -> Probe:
    """What a probe is told when all of these happen at sample 0."""
    probe = Probe()
    engine = Engine([probe], EngineSettings())
    for target, value in events:
        engine.schedule(Event(NOW, target, value))
    engine.render(then)
    assert engine.stats()["unknown_events"] == 0
    return probe


def test_one_note_bends_and_the_others_stay() -> None:
    """The wheel moves all notes, a note's own bend is added to it."""
    probe = play(
        ("/note/on", (60.0, 100.0)),
        ("/note/on", (64.0, 100.0)),
        ("/pitch_bend", (1.0,)),
        ("/note/bend", (64.0, -3.5)),
    )
    last = probe.told[-1]
    assert last[60.0]["bend"] == pytest.approx([1.0], abs=1e-4)
    assert last[64.0]["bend"] == pytest.approx([-2.5], abs=1e-4)


def test_what_is_said_before_a_note_s_first_hop_holds_from_its_first_sample() -> None:
    """An MPE note that begins bent doesn't glide there; later moves do."""
    probe = play(("/note/on", (60.0, 100.0)), ("/note/bend", (60.0, 2.0)), then=HOP)
    assert probe.told[0][60.0]["bend"] == [2.0]
    engine = Engine([probe], EngineSettings())
    engine.schedule(Event(NOW, "/note/on", (60.0, 100.0)))
    engine.render(HOP)
    engine.schedule(Event(NOW, "/note/bend", (60.0, 2.0)))
    engine.render(HOP)
    assert 0 < probe.told[-1][60.0]["bend"][0] < 2.0


def test_a_new_note_begins_at_rest() -> None:
    """What the last note of a row or of a key was told is not the next one's."""
    probe = play(
        ("/note/on", (60.0, 100.0)),
        ("/note/bend", (60.0, 2.0)),
        ("/note/pressure", (60.0, 1.0)),
        ("/note/on", (60.0, 100.0)),
        then=HOP,
    )
    # Both rows have the key 60; the later one is the later in the table.
    assert probe.told[0][60.0]["bend"] == [0.0]
    assert probe.told[0][60.0]["latent"] == [0.0, 0.0, 0.0]


def test_ids_tell_notes_of_one_key_apart() -> None:
    probe = Probe()
    engine = Engine([probe], EngineSettings())
    strip = engine.strips["probe"]
    for target, value in (
        ("/note/on", (60.0, 100.0, 2.0)),
        ("/note/on", (60.0, 100.0, 3.0)),
        ("/note/bend", (60.0, 5.0, 2.0)),
        ("/note/bend", (60.0, -5.0, 3.0)),
    ):
        engine.schedule(Event(NOW, target, value))
    engine.render(HOP)
    bends = {v.ident: strip.expression._now["bend"][v.slot] for v in strip.voices.active}
    assert bends == {2: 5.0, 3: -5.0}
    engine.schedule(Event(NOW, "/note/off", (60.0, 2.0)))
    engine.render(HOP)
    assert [(v.ident, v.sounds) for v in strip.voices.active] == [(2, False), (3, True)]


@pytest.mark.parametrize(
    ("pressure", "timbre", "axes"),
    [
        (0.0, 0.5, [0.0, 0.0, 0.0]),
        (1.0, 0.5, [4.0, 0.0, 0.0]),
        (0.25, 1.0, [1.0, 1.0, 0.0]),
        (0.0, 0.0, [0.0, -1.0, 0.0]),
    ],
)
def test_pressure_and_timbre_reach_the_latent_space_note_by_note(
    pressure: float, timbre: float, axes: list[float]
) -> None:
    """An instrument without such controls lends its first two latent axes."""
    probe = play(
        ("/note/on", (60.0, 100.0)),
        ("/note/on", (62.0, 100.0)),
        ("/note/pressure", (62.0, pressure)),
        ("/note/timbre", (62.0, timbre)),
    )
    assert probe.told[-1][62.0]["latent"] == pytest.approx(axes, abs=1e-3)
    assert probe.told[-1][60.0]["latent"] == [0.0, 0.0, 0.0]


def test_of_all_notes_and_of_one_add_up_within_the_range() -> None:
    probe = play(
        ("/note/on", (60.0, 100.0)),
        ("/pressure", (0.5,)),
        ("/note/pressure", (60.0, 0.25)),
        ("/timbre", (1.0,)),
        ("/note/timbre", (60.0, 0.9)),
        ("/probe/latent/1", (0.5,)),
    )
    assert probe.told[-1][60.0]["latent"] == pytest.approx([3.0, 1.0, 0.0], abs=1e-3)


def test_routes_are_what_they_are_told_to_be() -> None:
    """A depth for another control, in its unit; 0 ends one; whole numbers stay whole."""
    probe = play(
        ("/note/on", (60.0, 100.0)),
        ("/probe/latent/0/pressure", (0.0,)),
        ("/probe/latent/2/pressure", (-0.5,)),
        ("/probe/mode/timbre", (3.0,)),
        ("/note/pressure", (60.0, 1.0)),
        ("/note/timbre", (60.0, 0.95)),
    )
    told = probe.told[-1][60.0]
    assert told["latent"] == pytest.approx([0.0, 0.9, -0.5], abs=1e-2)
    assert told["mode"] == [3.0]


def test_a_control_of_that_name_is_moved_first() -> None:
    named = (
        *CONTROLS[:3],
        Control("pressure", role="pressure"),
        Control("timbre", 1, (0.0,), (1.0,), (0.5,), role="timbre"),
    )
    probe = Probe(named)
    engine = Engine([probe], EngineSettings())
    for target, value in (
        ("/note/on", (60.0, 100.0)),
        ("/note/pressure", (60.0, 0.7)),
        ("/note/timbre", (60.0, 0.2)),
    ):
        engine.schedule(Event(NOW, target, value))
    engine.render(HOP)
    told = probe.told[-1][60.0]
    assert [*told["pressure"], *told["timbre"]] == pytest.approx([0.7, 0.2])


def test_what_means_nothing_is_counted() -> None:
    engine = Engine([Probe()], EngineSettings())
    for target, value in (
        ("/note/bend", (60.0,)),
        ("/probe/latent/pressure", (1.0,)),  # which element?
        ("/probe/latent/7/pressure", (1.0,)),
        ("/probe/latent/0/sync", (1.0, 2.0)),
        ("/probe/latent/0/pressure", ()),
    ):
        engine.schedule(Event(NOW, target, value))
    engine.render(64)
    assert engine.stats()["unknown_events"] == 5


def test_soft_pedal_softens_what_begins_under_it() -> None:
    probe = Probe((*CONTROLS, Control("velocity", per_voice=True, role="velocity")))
    engine = Engine([probe], EngineSettings())
    engine.schedule(Event(NOW, "/note/on", (60.0, 127.0)))
    engine.schedule(Event(NOW, "/soft", (1.0,)))
    engine.schedule(Event(NOW, "/note/on", (62.0, 127.0)))
    engine.render(HOP)
    told = probe.told[-1]
    assert told[60.0]["velocity"] == [1.0]
    assert told[62.0]["velocity"] == pytest.approx([2 / 3])


def test_roles_count_and_names_dont() -> None:
    """Notes, the wheel and pressure find their controls by role; a fader that has the name of a
    role stays where people put it."""
    probe = Probe(
        (
            Control("valve", per_voice=True, curve="toggle", role="gate"),
            Control("key", 1, (0.0,), (127.0,), (60.0,), per_voice=True, role="key"),
            Control("slide", 1, (-12.0,), (12.0,), (0.0,), per_voice=True, role="bend"),
            Control("breath", role="pressure"),
            Control("gate", default=(0.25,)),
            Control("bend", default=(0.25,)),
            Control("pressure", default=(0.25,)),
        )
    )
    engine = Engine([probe], EngineSettings())
    for target, value in [
        ("/note/on", (64.0, 100.0)),
        ("/pitch_bend", (2.0,)),
        ("/note/pressure", (64.0, 0.5)),
    ]:
        engine.schedule(Event(NOW, target, value))
    engine.render(RATE // 10)
    told = probe.told[-1][64.0]
    assert told["valve"] == [1.0]
    assert told["slide"] == pytest.approx([2.0], abs=1e-3)
    assert told["breath"] == pytest.approx([0.5], abs=1e-3)
    assert told["gate"] == told["bend"] == told["pressure"] == [0.25]
