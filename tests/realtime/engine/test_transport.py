"""Tempo, beats and what follows them, to the sample."""

from __future__ import annotations

import random

import numpy as np
import pytest
from test_expression import HOP, RATE, Probe

from realtime.engine.engine import Engine
from realtime.engine.settings import EngineSettings
from realtime.engine.transport import Transport
from realtime.midi.decoder import MidiDecoder
from realtime.namespace.event import Event
from synth.contract import Control
from tests.realtime.midi_maps import Map


def test_beats_add_up_over_changes_of_tempo() -> None:
    transport = Transport(RATE)
    assert transport.beat_at(12_345) == 0.0
    transport.run(RATE, True)
    assert transport.beat_at(2 * RATE) == 2.0  # 120 quarters a minute
    transport.set_tempo(2 * RATE, 60.0)
    assert transport.beat_at(3 * RATE) == 3.0
    transport.run(3 * RATE, False)
    assert transport.beat_at(9 * RATE) == 3.0
    transport.run(9 * RATE, True)
    assert transport.beat_at(10 * RATE) == 4.0
    transport.locate(10 * RATE, 16.0)
    assert transport.beat_at(11 * RATE) == 17.0


def engine_of(probe: Probe, *events: tuple[int, str, tuple[float, ...]]) -> Engine:
    engine = Engine([probe], EngineSettings())
    for time, target, value in events:
        engine.schedule(Event(time, target, value))
    return engine


def followed(probe: Probe) -> np.ndarray:
    return np.array([hop[60.0]["latent"][2] for hop in probe.told])


SCORE: tuple[tuple[int, str, tuple[float, ...]], ...] = (
    (0, "/note/on", (60.0, 100.0)),
    (0, "/probe/latent/2/sync", (2.0, -1.0, 1.0)),
    (0, "/tempo", (240.0,)),
    (RATE // 10, "/transport/start", ()),
)


def test_a_control_runs_with_the_beat() -> None:
    """-1 … 1 over two beats at 240 a minute: half a second, hop by hop, after the start only."""
    probe = Probe()
    engine_of(probe, *SCORE).render(RATE)
    start = RATE // 10
    at = np.arange(len(probe.told)) * HOP
    phase = np.where(at < start, 0.0, (at - start) / (RATE / 2)) % 1.0
    assert followed(probe) == pytest.approx(-1 + 2 * phase, abs=1e-4)


def test_the_size_of_the_blocks_changes_nothing() -> None:
    whole, pieces = Probe(), Probe()
    engine_of(whole, *SCORE).render(20_000)
    engine = engine_of(pieces, *SCORE)
    for size in [7, 300, 1, 692] * 20:
        engine.render(size)
    assert whole.told == pieces.told[: len(whole.told)]


def test_an_end_of_following_gives_the_control_back() -> None:
    probe = Probe()
    engine_of(
        probe,
        *SCORE,
        (RATE // 2, "/probe/latent/2/sync", (0.0,)),
        (RATE // 2, "/probe/latent/2", (0.25,)),
    ).render(RATE)
    assert followed(probe)[-1] == 0.25


def test_a_control_runs_with_a_midi_clock() -> None:
    """A sequencer at 150 a minute whose ticks come up to 2 ms late: after four beats the control is
    where the beat is, within 2 ms of it and little more."""
    probe, decoder, random_ = Probe(), MidiDecoder(Map()), random.Random(6)
    engine = engine_of(probe, *SCORE[:2])
    tick = 60 / 150 / 24
    engine.schedule(Event(0, "/transport/stop"))
    messages = [
        (0.0, b"\xfa"),
        *((n * tick + random_.uniform(0, 0.002), b"\xf8") for n in range(400)),
    ]
    for at, message in messages:
        for event in decoder.decode(message, at):
            engine.schedule(event._replace(time=round(at * RATE)))
    engine.render(round(400 * tick * RATE))
    at = np.arange(len(probe.told)) * HOP / RATE
    heard, settled = (followed(probe) + 1) / 2, at > 4 * 24 * tick
    off = (heard - at / (48 * tick))[settled]
    off -= np.round(off)  # in turns of two beats
    assert np.abs(off * 48 * tick).max() < 0.003


def test_an_instrument_can_ask_for_tempo_and_beat() -> None:
    controls = (
        Control("key", 1, (0.0,), (127.0,), (60.0,), role="key"),
        Control("latent", 3, (-1.0,), (1.0,), (0.0,), role="latent"),
        Control("tempo", 1, (20.0,), (500.0,), (120.0,), role="tempo"),
        Control("beat", 1, (0.0,), (1e6,), (0.0,), role="beat"),
    )
    probe = Probe(controls)
    engine = engine_of(probe, *SCORE)
    engine.render(RATE // 10 + RATE // 4 + 1)
    told = probe.told[-1][60.0]
    assert told["tempo"] == [240.0]
    assert told["beat"] == pytest.approx([1.0], abs=1e-3)
    assert engine.stats()["tempo"] == 240.0
    assert engine.stats()["beat"] == pytest.approx(1.0, abs=1e-3)
