"""Glides: as many steps however the event came, exact ends, and the last hand on a control wins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builders import write_sampler

from realtime.engine.engine import Engine
from realtime.engine.glides import Glides
from realtime.engine.settings import EngineSettings
from realtime.namespace.event import NOW, Event
from realtime.namespace.glide import glide, is_glide, landed
from realtime.namespace.namespace import Namespace
from realtime.plugins.rack import build_engine
from realtime.supervisor.recall import Recall
from synth.contract import Control, ProtocolError

RATE = 48_000
CONTROLS = {
    "/p/level": Control("level", 1, (0.0,), (10.0,), (0.0,)),
    "/p/cutoff": Control("cutoff", 1, (10.0,), (1000.0,), (10.0,), "Hz", "exponential"),
    "/p/axes": Control("axes", 3, (-1.0,), (1.0,), (0.0,)),
    "/p/count": Control("count", 1, (1.0,), (8.0,), (1.0,), "", "integer"),
}


@pytest.fixture
def glides() -> Glides:
    return Glides(RATE, lambda a: (CONTROLS[a], CONTROLS[a].default) if a in CONTROLS else None)


def walk(glides: Glides) -> list[list[Event]]:
    """All steps from sample 0 on."""
    steps, now = [], 0
    while glides:
        now += glides.step
        steps.append(glides.steps(now))
    return steps


def test_a_hundred_steps_a_second_and_the_exact_end(glides: Glides) -> None:
    assert glides.begin(0, "/p/level", (0.5, 0.3)) == []
    values = [events[0].value[0] for events in walk(glides)]
    assert values == pytest.approx(np.arange(1, 51) / 50 * 0.3)
    assert values[-1] == 0.3


def test_exponential_controls_glide_in_ratios(glides: Glides) -> None:
    glides.begin(0, "/p/cutoff", (1.0, 1000.0))
    values = [events[0].value[0] for events in walk(glides)]
    assert values[49] == pytest.approx(100.0)
    assert np.diff(np.log(values)) == pytest.approx(np.log(100) / 100)


def test_whole_numbers_switch_at_once(glides: Glides) -> None:
    assert glides.begin(0, "/p/count", (1.0, 5.0)) == [Event(NOW, "/p/count", (5.0,))]
    assert not glides


def test_what_is_set_meanwhile_leaves_the_rest_on_its_way(glides: Glides) -> None:
    glides.begin(0, "/p/axes", (0.02, 1.0, -1.0, 0.5))
    glides.forget("/p/axes/1")
    first, last = walk(glides)
    assert [e.target for e in first] == ["/p/axes/0", "/p/axes/2"]
    assert [e.value for e in last] == [(1.0,), (0.5,)]
    glides.begin(0, "/p/axes", (0.02, 1.0, -1.0, 0.5))
    glides.forget("/p/axes")
    assert not glides


@pytest.mark.parametrize(
    ("address", "value"), [("/p/level", (1.0,)), ("/p/axes", (1.0, 2.0)), ("/p/axes/3", (1.0, 0.0))]
)
def test_wrong_counts_are_refused(glides: Glides, address: str, value: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"need|not as many"):
        glides.begin(0, address, value)
    assert not glides


def test_a_plugin_called_glider_is_no_glide() -> None:
    event = Event(NOW, "/glider/level", (1.0,))
    assert not is_glide(event.target)
    assert landed(event) == event


def test_others_see_where_it_ends() -> None:
    event = glide("/p/axes", 2.0, (1.0, 2.0, 3.0))
    assert event == Event(NOW, "/glide/p/axes", (2.0, 1.0, 2.0, 3.0))
    assert landed(event) == Event(NOW, "/p/axes", (1.0, 2.0, 3.0))
    assert glide("/p/level", 0.0, (1.0,)) == Event(NOW, "/p/level", (1.0,))
    recall = Recall()
    recall.observe(event)
    assert recall.events() == [landed(event)]


def test_a_glide_can_be_sent() -> None:
    namespace = Namespace({"p": list(CONTROLS.values())})
    assert namespace.resolve("/glide/p/axes/1", [0.5, 7]) == Event(
        NOW, "/glide/p/axes/1", (0.5, 1.0)
    )
    assert namespace.counters["clamped"] == 1
    assert namespace.resolve("/glide/gain", [1, -6]).target == "/glide/gain"
    for address, args in (
        ("/glide/p/level", [-1.0, 1.0]),
        ("/glide/p/level", []),
        ("/glide/p/level", [1.0]),
        ("/glide/p/axes", [1.0, 0.0]),
        ("/glide/note/on", [1.0, 60.0]),
        ("/glide/glide/p/level", [1.0, 1.0, 1.0]),
    ):
        with pytest.raises(ProtocolError):
            namespace.resolve(address, args)


def played(engine: Engine, block: int, frames: int = 24_000) -> np.ndarray:
    engine.schedule(Event(NOW, "/note/on", (60.0, 100.0)))
    engine.schedule(Event(1_001, "/glide/small/latent", (0.3, *np.linspace(-1, 1, 8))))
    engine.schedule(Event(2_002, "/glide/gain", (0.2, -20.0)))
    engine.schedule(Event(9_009, "/small/latent/3", (0.0,)))
    return np.concatenate([engine.render(block) for _ in range(frames // block)], axis=1)


def test_the_sound_of_a_glide_is_the_same_for_any_block(tmp_path: Path) -> None:
    settings = EngineSettings((str(write_sampler(tmp_path)),), voices=2)
    engines = [build_engine(settings) for _ in range(3)]
    first, second = played(engines[0], 480), played(engines[1], 96)
    assert np.abs(first).max() > 1e-3
    assert np.abs(first - second).max() < 1e-6
    engines[2].schedule(Event(NOW, "/note/on", (60.0, 100.0)))
    still = np.concatenate([engines[2].render(480) for _ in range(50)], axis=1)
    assert np.array_equal(first[:, :1_000], still[:, :1_000])
    assert np.abs(first - still).max() > 1e-3
    # The pieces of the last one's way are done: it stands where it was to go.
    assert engines[0].strips["small"].controls.base["latent"][7] == 1.0
    assert engines[0].strips["small"].controls.base["latent"][3] == 0.0
