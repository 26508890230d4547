"""A program change sets the whole panel for the next notes, whatever channel it comes on."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from test_part import CONTROLS, Tone, say

from realtime.engine.engine import Engine
from realtime.engine.settings import EngineSettings
from realtime.namespace.event import NOW, Event
from realtime.namespace.glide import glide
from realtime.namespace.namespace import Namespace
from synth.contract import BankPatch, Control

BANK = tuple(BankPatch(n, {"level": v, "colour": (v, 1 - v)})
             for n, v in (("a", 0.1), ("b", 0.5), ("c", 0.7), ("d", 0.9)))  # fmt: skip
PANEL = (
    *CONTROLS,
    Control("level", smoothing_ms=20.0),
    Control("colour", 2),
    Control("other", 1, default=(0.25,)),
)


class Synth(Tone):
    """A tone with a bank."""

    def __init__(self, name: str = "panel") -> None:
        super().__init__(name)
        self.manifest = dataclasses.replace(self.manifest, controls=PANEL, patches=BANK)

    def process(self, rows, controls, audio):  # type: ignore[no-untyped-def]
        scalars = {name: value[:, :1] for name, value in controls.items()}
        return super().process(rows, scalars, audio)


@pytest.fixture
def synth() -> Synth:
    return Synth()


@pytest.fixture
def engine(synth: Synth) -> Engine:
    return Engine([synth], EngineSettings())


def levels(synth: Synth) -> dict[float, float]:
    last = synth.told[-1]
    return dict(zip(last["key"].tolist(), np.round(last["level"], 3).tolist(), strict=True))


@pytest.mark.parametrize("target", ["/program", "/channel/3/program", "/panel/sound"])
def test_the_next_notes_have_the_patch_and_those_that_sound_keep_theirs(
    engine: Engine, synth: Synth, target: str
) -> None:
    say(engine, ("/panel/level", (0.3,)), ("/panel/other", (0.8,)), ("/note/on", (60.0, 100.0)))
    say(engine, (target, (2.0,)), ("/channel/1/note/on", (64.0, 100.0)))
    assert levels(synth) == {60: pytest.approx(0.3), 64: pytest.approx(0.7)}
    base = engine.strips["panel"].controls.base
    np.testing.assert_allclose(base["colour"], [0.7, 0.3], rtol=1e-6)
    np.testing.assert_allclose(base["other"], [0.8], rtol=1e-6)  # no patch sets it
    say(engine, ("/panel/level", (1.0,)))
    assert levels(synth) == {60: pytest.approx(1, abs=0.01), 64: pytest.approx(1, abs=0.01)}


def test_a_patch_that_is_none_is_ignored(engine: Engine, synth: Synth) -> None:
    say(engine, ("/channel/1/program", (4.0,)), ("/note/on", (60.0, 100.0)))
    assert engine.stats()["unknown_programs"] == 1
    assert levels(synth) == {60: 0.0}


def test_a_patch_ends_the_glides_of_its_controls(engine: Engine) -> None:
    engine.schedule(glide("/panel/level", 1.0, (0.0,)))
    engine.schedule(glide("/panel/other", 0.2, (1.0,)))
    say(engine)
    say(engine, ("/program", (3.0,)), then=1.2)
    base = engine.strips["panel"].controls.base
    assert (base["level"][0], base["other"][0]) == pytest.approx((0.9, 1.0))


def test_each_instrument_has_its_own_channels() -> None:
    one, two = Synth("one"), Synth("two")
    engine = Engine([one, two], EngineSettings())
    hears = tuple(float(n == 2) for n in range(17))
    say(engine, ("/two.part/channels", hears), ("/one.part/channels/2", (0.0,)))
    say(engine, ("/channel/2/program", (3.0,)), ("/channel/1/program", (1.0,)))
    bases = [engine.strips[name].controls.base["level"][0] for name in ("one", "two")]
    assert bases == pytest.approx([0.5, 0.9])


def test_clients_are_told_of_every_control() -> None:
    namespace = Namespace({"panel": PANEL}, {"panel": [p.name for p in BANK]}, None,
                          {"panel": BANK})  # fmt: skip
    moved = namespace.set_by(Event(NOW, "/panel/sound", (1.0,)))
    assert moved == [
        Event(NOW, "/panel/level", (0.5,)), Event(NOW, "/panel/colour", (0.5, 0.5)),
    ]  # fmt: skip
    assert namespace.set_by(Event(NOW, "/panel/level", (1.0,))) == []
    assert namespace.extended({}).patches == namespace.patches
