"""`synth bench`: the speed and latency of an instrument on this machine."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from realtime.engine.engine import Engine
from realtime.engine.plugin import Array
from realtime.engine.settings import EngineSettings
from realtime.engine.signal.flush_to_zero import flush_to_zero
from realtime.namespace.address import Address
from realtime.namespace.event import NOW, Event
from realtime.plugins.bundled import instrument_path
from realtime.plugins.rack import build_engine, load_rack
from synth.contract import require_within

VOICE_COUNTS = (1, 2, 4, 8, 16)
SETTLE = 4800  # frames after which a control smoothed over 20 ms has come to rest
BLOCKS = (64, 128, 256, 512, 1024)


def measure(
    instrument: str | Path | None,
    *,
    sample_rate: int = 48_000,
    block: int = 256,
    voices: int = 8,
    seconds: float = 2.0,
    trust: bool = False,
) -> dict[str, Any]:
    """Measure an instrument; returns all figures, JSON-ready, times in milliseconds.

    Args:
        instrument: file or name of a bundled one; None for the default.
        sample_rate: Hz; block: frames that the engine renders at once; voices: notes at a time.
        seconds: for which each speed is measured.
        trust: whether TorchScript files may be opened.

    Raises:
        ConfigError: a number is out of its range; ModelFileError: the file can't be played.
    """
    require_within("--seconds", seconds, 0.05, 600.0)
    require_within("--block", block, 16, 8192)
    path = str(instrument_path(instrument))
    settings = EngineSettings((path,), sample_rate=sample_rate, voices=voices, trust=trust)
    started = time.perf_counter()
    engine = build_engine(settings)
    load_s = time.perf_counter() - started
    strip = next(iter(engine.strips.values()))
    report = {
        "instrument": strip.manifest.name,
        "machine": f"{_processor()}, Python {platform.python_version()}",
        "load_s": round(load_s, 3),
        "steps": _step_rows(path, strip.manifest.kind, voices, seconds, trust),
        "blocks": [_block_row(settings, size, seconds) for size in sorted({*BLOCKS, block})],
        "block": block,
        "declared_latency_ms": 1000 * engine.latency / sample_rate,
    }
    report["measured_latency_ms"] = 1000 * measured_latency(settings) / sample_rate
    engine.close()
    return report


def measured_latency(settings: EngineSettings, tries: int = 16) -> int:
    """Frames from a cause to its effect on the output, the longest of several tries.

    For an effect, the time from an impulse at the input to its peak at the output. For a generator,
    the time from a note to the first sound.

    Args:
        settings: of the engine; tries: how often to measure, each time at another instant.
    """
    worst = 0
    for turn in range(tries):
        engine = build_engine(settings)
        effect = engine.channels_in > 0
        settle = 4 * engine.latency + 997 * turn % 4096 + 1
        engine.render(settle, np.zeros((1, settle), np.float32) if effect else None)
        length = engine.latency * 2 + 4096
        impulse = np.zeros((1, length), np.float32)
        if effect:
            # Fully dry where a control allows it: then the output is an impulse, too.
            for name, strip in engine.strips.items():
                mix = strip.manifest.with_role("mix")
                if mix is not None:
                    engine.schedule(Event(NOW, str(Address(name, mix.name)), (0.0,)))
            engine.render(SETTLE, np.zeros((1, SETTLE), np.float32))
            impulse[0, 0] = 1.0
            answer = np.abs(engine.render(length, impulse)).max(axis=0)
            worst = max(worst, int(answer.argmax()))
        else:
            engine.schedule(Event(NOW, "/note/on", (60.0, 127.0)))
            answer = np.abs(engine.render(length)).max(axis=0)
            sounding = np.flatnonzero(answer > 1e-7)
            worst = max(worst, int(sounding[0]) if len(sounding) else length)
        engine.close()
    return worst


def _step_rows(
    path: str, kind: str, voices: int, seconds: float, trust: bool
) -> list[dict[str, Any]]:
    """Time of a single hop, for each number of voices."""
    rows = []
    for count in [v for v in VOICE_COUNTS if v <= max(voices, 1)] if kind == "generator" else [1]:
        plugin = load_rack([path], trust=trust)[0]
        plugin.prepare(count)
        manifest = plugin.manifest
        controls = {c.name: np.tile(c.default_array, (count, 1)) for c in manifest.controls}
        for control in manifest.controls:
            if control.role in ("gate", "velocity"):
                controls[control.name][:] = 1.0
        audio = _noise(1, manifest.channels_in, manifest.hop) if kind == "effect" else None
        index = np.arange(count)
        hop_s = manifest.hop / manifest.sample_rate
        with flush_to_zero():  # as in an engine
            times = _time(lambda: plugin.process(index, controls, audio), seconds, hop_s)  # noqa: B023
        rows.append({"voices": count, **_figures(times, hop_s)})
        plugin.close()
    return rows


def _block_row(settings: EngineSettings, block: int, seconds: float) -> dict[str, Any]:
    """Time of a block of the whole engine with all voices sounding."""
    engine = build_engine(settings)
    _play_all(engine, settings.voices)
    audio = _noise(1, block)
    block_s = block / settings.sample_rate
    times = _time(lambda: engine.render(block, audio), seconds, block_s)
    engine.close()
    return {"block": block, **_figures(times, block_s)}


def _noise(*shape: int) -> Array:
    return np.random.default_rng(0).normal(0, 0.1, shape).astype(np.float32)


def _play_all(engine: Engine, voices: int) -> None:
    for name, strip in engine.strips.items():
        loop = strip.manifest.with_role("loop")
        if loop is not None:
            engine.schedule(Event(NOW, str(Address(name, loop.name)), loop.maximum))
    for note in range(voices):
        engine.schedule(Event(NOW, "/note/on", (48.0 + note, 100.0)))
    engine.render(4096)


def _time(call: Callable[[], Any], seconds: float, each_s: float) -> np.ndarray[Any, Any]:
    times = []
    for _ in range(max(20, round(seconds / each_s))):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return np.array(times)


def _figures(times: np.ndarray[Any, Any], each_s: float) -> dict[str, float]:
    p50, p99 = np.percentile(times, (50, 99))
    return {
        "p50_ms": 1e3 * float(p50),
        "p99_ms": 1e3 * float(p99),
        "max_ms": 1e3 * float(times.max()),
        "load": float(times.sum() / (each_s * len(times))),
        "realtime_factor": float(each_s * len(times) / times.sum()),
    }


def format_report(report: dict[str, Any]) -> str:
    """The figures as text for a terminal.

    Args:
        report: from `measure`.
    """
    lines = [f"{report['instrument']} on {report['machine']}, loaded in {report['load_s']} s"]
    head = f"{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'load':>8}{'x real time':>13}"
    for title, key in (("steps", "voices"), ("blocks", "block")):
        lines.append(f"{title + ', by ' + key:<20}{head}")
        for row in report[title]:
            mark = "  <- current" if key == "block" and row[key] == report["block"] else ""
            lines.append(
                f"{row[key]:<20}{row['p50_ms']:>9.3f}{row['p99_ms']:>9.3f}{row['max_ms']:>9.3f}"
                f"{row['load']:>8.1%}{row['realtime_factor']:>13.1f}{mark}"
            )
    lines.append(
        f"latency of the engine: declared {report['declared_latency_ms']:.2f} ms,"
        f" measured {report['measured_latency_ms']:.2f} ms (the worst of several instants)"
    )
    return "\n".join(lines)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(x.split(":")[1].strip() for x in lines if x.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
