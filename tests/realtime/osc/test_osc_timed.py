"""Bundles through a playing session: the log of a recording says at which sample events fell."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from builders import write_sampler

from realtime.device.driver import DriverSettings
from realtime.engine.engine import MAX_EVENTS, Engine
from realtime.engine.settings import EngineSettings
from realtime.namespace.event import NOW, Event
from realtime.plugins.rack import build_engine
from realtime.session.replay import replay_files
from realtime.session.session import Session, SessionSettings
from tests.realtime.jack_peers import wait_until
from tests.realtime.osc_peer import PATIENCE_S, UdpPeer, bundle, in_seconds, message, timetag

RATE = 48_000
APART = (0, 1, 63, 64, 1_000, 4_801, 12_345, 48_000)


@pytest.fixture
def take(tmp_path: Path) -> Path:
    return tmp_path / "take.wav"


@pytest.fixture
def session(tmp_path: Path, take: Path) -> Iterator[Session]:
    """The small sampler without a device, recorded from its first sample on."""
    settings = SessionSettings(
        (str(write_sampler(tmp_path)),),
        driver=DriverSettings(kind="null", block=256, sample_rate=RATE),
        osc_port=0,
    )
    made = Session(settings)
    made.supervisor.record(take)
    with made:
        assert wait_until(lambda: made.clock.rate == RATE, PATIENCE_S)
        yield made


@pytest.fixture
def peer(session: Session) -> Iterator[UdpPeer]:
    assert session.osc is not None
    with UdpPeer(session.osc.port) as made:
        yield made


def log(take: Path) -> list[dict[str, Any]]:
    """The events that the log holds so far."""
    lines = take.with_suffix(".jsonl").read_text().split("\n")[1:-1]
    return [line for line in map(json.loads, lines) if "address" in line]


def test_bundles_fall_exactly_as_far_apart_as_they_say(
    session: Session, peer: UdpPeer, take: Path
) -> None:
    """All of a bundle at one sample, and bundles as many samples apart as their time tags."""
    begin = timetag(time.time() + 3.0)
    for samples in APART:
        value = samples / 96_000
        peer.raw(
            bundle(
                message("/small/position", value),
                message("/small/latent/0", value),
                message("/note/on", 60, 100),
                timetag=begin + round(samples * 2**32 / RATE),
            )
        )
    assert peer.settle() == []
    assert wait_until(lambda: len(log(take)) >= 3 * len(APART), PATIENCE_S)
    entries = log(take)
    samples = [entry["sample"] for entry in entries]
    assert [s - samples[0] for s in samples] == [apart for apart in APART for _ in range(3)]
    assert all(entry["taken"] < entry["sample"] for entry in entries)


def test_what_is_sent_together_falls_on_one_sample(
    session: Session, peer: UdpPeer, take: Path
) -> None:
    """Bundles that mean now, in a stream of other messages, in whose batches they would be torn."""
    for number in range(40):
        peer.raw(
            bundle(*[message(f"/small/latent/{i % 4}", (number * 20 + i) / 900) for i in range(20)])
        )
        for _ in range(7):
            peer.send("/small/position", number / 50)
    assert peer.settle() == []
    assert wait_until(lambda: len(log(take)) >= 40 * 27, PATIENCE_S)
    latents = [e["sample"] for e in log(take) if e["address"].startswith("/small/latent")]
    assert len(latents) == 800
    for at in range(0, 800, 20):
        assert len(set(latents[at : at + 20])) == 1


def test_what_was_scheduled_can_be_cleared(session: Session, peer: UdpPeer) -> None:
    peer.raw(bundle(message("/note/on", 60, 100), timetag=in_seconds(1.5)))
    peer.raw(bundle(message("/small/position", 0.5), timetag=in_seconds(1.5)))
    assert peer.ask("/clearSched") == ("/done", ["/clearSched"])
    begun = blocks(session)
    assert wait_until(lambda: blocks(session) > begun + 2.5 * RATE / 256, PATIENCE_S)
    assert session.status().stats["engine"]["active_voices"] == 0


def blocks(session: Session) -> int:
    return int(session.status().stats.get("blocks", 0))


def test_a_recording_of_bundles_and_clearing_replays_the_same(tmp_path: Path, take: Path) -> None:
    """What was scheduled, what was cleared before it happened, and what came too late."""
    settings = SessionSettings(
        (str(write_sampler(tmp_path)),),
        driver=DriverSettings(kind="null", block=256, sample_rate=RATE),
        osc_port=0,
        record=str(take),
    )
    with Session(settings) as session:
        assert session.osc is not None
        assert wait_until(lambda: session.clock.rate == RATE, PATIENCE_S)
        with UdpPeer(session.osc.port) as peer:
            for step in range(20):
                tag = in_seconds(0.05 * step - 0.2)
                peer.raw(
                    bundle(
                        message("/note/on", 50 + step, 100),
                        message("/small/latent/1", step / 20),
                        timetag=tag,
                    )
                )
            peer.raw(
                bundle(message("/note/off", 55), message("/gain", -6.0), timetag=in_seconds(5))
            )
            begun = blocks(session)
            assert wait_until(lambda: blocks(session) > begun + RATE / 256 / 2, PATIENCE_S)
            assert peer.ask("/clearSched")[0] == "/done"
            begun = blocks(session)
            assert wait_until(lambda: blocks(session) > begun + RATE / 256 / 2, PATIENCE_S)
    out = tmp_path / "again.wav"
    replay_files(take, out)
    before, _ = soundfile.read(take, dtype="float32", always_2d=True)
    after, _ = soundfile.read(out, dtype="float32", always_2d=True)
    assert np.abs(before).max() > 1e-3
    assert np.array_equal(before, after)


def test_meters_can_be_subscribed_to(session: Session, peer: UdpPeer) -> None:
    assert wait_until(lambda: session.values.get("/meter/load") is not None, PATIENCE_S)
    assert peer.ask("/subscribe", "/meter/peak", 60.0)[0] == "/done"
    peer.send("/note/on", 60, 127)

    def heard() -> bool:
        address, (level,) = peer.receive()
        return address == "/meter/peak" and level > 0.001

    assert wait_until(heard, PATIENCE_S)
    assert session.values.get("/meter/peak") is not None


def test_a_new_engine_starts_the_clock_anew(session: Session, peer: UdpPeer) -> None:
    """Events for samples of the engine that is gone would never happen."""
    assert wait_until(lambda: session.clock.sample_at(time.monotonic()) > RATE // 2, PATIENCE_S)
    first = session.status().pid
    os.kill(first or 0, signal.SIGKILL)
    assert wait_until(lambda: session.clock.rate == 0, PATIENCE_S)
    assert session.clock.sample_at(time.monotonic()) == NOW
    assert wait_until(lambda: session.clock.rate == RATE, PATIENCE_S)
    peer.raw(bundle(message("/note/on", 60, 100), timetag=in_seconds(0.3)))

    def playing() -> bool:
        return session.status().stats.get("engine", {}).get("active_voices") == 1

    assert wait_until(playing, PATIENCE_S)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with_files = build_engine(EngineSettings((str(write_sampler(tmp_path)),)))
    yield with_files
    with_files.close()


def test_clearing_ends_notes_whose_end_was_waiting(engine: Engine) -> None:
    """What comes after `/clearSched` is scheduled again; what is due now is not forgotten."""
    engine.schedule(Event(NOW, "/note/on", (60.0, 100.0)))
    engine.schedule(Event(RATE, "/note/off", (60.0,)))
    engine.schedule(Event(RATE, "/note/on", (72.0, 100.0)))
    engine.render(64)
    assert engine.stats()["active_voices"] == 1
    engine.schedule(Event(NOW, "/small/position", (0.5,)))
    engine.schedule(Event(NOW, "/clearSched"))
    engine.schedule(Event(3 * RATE, "/note/on", (48.0, 100.0)))
    engine.render(2 * RATE)
    assert engine.stats()["active_voices"] == 0
    assert engine.strips["small"].controls.base["position"][0] == 0.5
    engine.render(RATE + 64)
    assert engine.stats()["active_voices"] == 1


def test_late_events_are_counted_and_ends_of_notes_are_never_dropped(engine: Engine) -> None:
    engine.render(1_000)
    engine.schedule(Event(10, "/note/on", (60.0, 100.0)))
    assert engine.stats()["late_events"] == 1
    engine.render(64)
    for _ in range(MAX_EVENTS + 5):
        engine.schedule(Event(10 * RATE, "/gain", (-6.0,)))
    assert engine.stats()["dropped_events"] == 5
    engine.schedule(Event(10 * RATE, "/note/off", (60.0,)))
    engine.render(RATE)
    assert engine.stats()["active_voices"] == 0
    assert np.isfinite(engine.render(64)).all()
