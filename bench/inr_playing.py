"""Measure how many voices of a coordinate network one core plays in real time, in several ways.

    pip install -c constraints.txt -e '.[train]'
    python bench/inr_playing.py [--seconds 2] [--file INSTRUMENT]

The model is a `pi-gan` of 8 layers of 256 units with random weights at 16 kHz. Each voice has its
own latent and plays a loop, so that no note ends. All variants of a block size take turns, so that
a machine that slows down slows all of them. Time is the processor time of the program. A figure is
how many times faster than real time all voices together were made, at the median of the turns;
multiplied by the number of voices, it is the number that would just fit.

- fp32, int8: the exported graph, one hop a run, as the engine runs it. int8 rounds weights (a scale
  per unit) and the inputs of products (-1 … 1 in 255 steps).
- torch: `INR.evaluate` on the same points, without positions, loops or envelopes.
- torch bf16: the same under autocast.
- `--file`: an instrument (.onnx, or a .ts that you trust) in the engine's own plugin and strip,
  with the device at 48 kHz and keys over its whole range.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from export.inr.instrument_file import as_integers, round_to_int8
from export.manifest import state_name
from export.onnx.instrument_graph import make_session, trace
from realtime.engine.strip import Strip
from realtime.plugins.rack import load_rack
from synth.models.inr import INR, INRConfig
from synth.models.inr.live.heads import HeadReader
from synth.models.inr.live.instrument import INRInstrument

RATE, DEVICE_RATE, ROUNDS = 16_000, 48_000, 6
HOPS, VOICES = (64, 128, 256, 512), (1, 4, 8)
CONFIG = INRConfig(sounds=8, latent_init_std=1.0, first_omega_0=1760.0, hidden_omega_0=245.0)
Way = Callable[[], int]  # makes some samples of every voice, says how many


def graph_of(hop: int, rounded: bool) -> tuple[INRInstrument, bytes]:
    """The instrument at a block size, and its graph."""
    torch.manual_seed(0)
    instrument = INRInstrument(INR(CONFIG).eval()).eval()
    reader = instrument.reader
    instrument.hop = hop
    instrument.reader = HeadReader(reader.network, hop, reader.length, reader.sound_rate)
    if rounded:
        snr_db = round_to_int8(instrument)
        print(f"hop {hop} ({1000 * hop / RATE:g} ms), int8 {snr_db:.1f} dB over its noise")
    model = trace(instrument)
    if rounded:
        as_integers(model)
    data: bytes = model.SerializeToString()
    return instrument, data


def played(instrument: INRInstrument, data: bytes, voices: int) -> Way:
    """One hop of every voice."""
    session = make_session(data)
    feed: dict[str, Any] = {
        c.name: np.tile(c.default_array, (voices, 1)) for c in instrument.controls
    }
    feed["gate"][:], feed["loop"][:] = 1, 1
    feed["sound"][:, 0] = np.arange(voices) % CONFIG.sounds
    feed["position"][:, 0] = np.arange(voices) / voices
    feed["frames"] = np.ones(1, np.int64)
    state = instrument.init_state(voices)
    names = [state_name(key) for key in state]
    feed |= {name: value.numpy() for name, value in zip(names, state.values(), strict=True)}
    outputs = ["audio_out", *(f"{name}_out" for name in names)]

    def call() -> int:
        _, *new = session.run(outputs, feed)
        feed.update(zip(names, new, strict=True))
        return instrument.hop

    return call


def eager(hop: int, voices: int, lean: bool) -> Way:
    """The torch model on the same number of points."""
    torch.manual_seed(0)
    model = INR(CONFIG).eval()
    at = 0

    def call() -> int:
        nonlocal at
        positions = (at + torch.arange(hop)).expand(voices, -1) % CONFIG.audio_length
        at += hop
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=lean):
            model.decode(model.latents[:voices], model.coordinates(positions))
        return hop

    return call


def in_engine(path: Path, voices: int) -> Way:
    """A file in the strip through which the engine plays it, with every voice held."""
    strip = Strip(load_rack([str(path)], trust=True)[0], DEVICE_RATE, voices, 1)
    if "loop" in strip.controls.controls:
        strip.controls.set("loop", (1.0,))
    low, high = strip.manifest.key_range or (48, 72)
    for key in np.linspace(low, high, voices).round():
        strip.note_on(float(key), 0.8)

    def call() -> int:
        strip.generate(256)
        assert len(strip.voices.active) == voices
        return 256

    return call


def measure(ways: dict[str, Way], rate: int, seconds: float) -> dict[str, float]:
    """Speed of every variant in multiples of real time; the variants take turns."""
    factors: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + 1):
        for name, way in ways.items():
            made, began = 0, time.process_time()
            while time.process_time() - began < seconds / ROUNDS:
                made += way()
            spent = time.process_time() - began
            if turn:  # the first warms up
                factors[name].append(made / rate / spent)
    return {name: float(np.median(found)) for name, found in factors.items()}


def main() -> None:
    """Measure in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="of processor time per way")
    parser.add_argument("--file", type=Path, help="an exported instrument")
    parser.add_argument("--hops", default=",".join(map(str, HOPS)))
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{_processor()}, Python {platform.python_version()}, torch {torch.__version__}")
    for hop in map(int, options.hops.split(",")) if options.hops else ():
        exact, rounded = graph_of(hop, False), graph_of(hop, True)
        for voices in VOICES:
            ways = {
                "fp32": played(*exact, voices),
                "int8": played(*rounded, voices),
                "torch": eager(hop, voices, False),
                "torch bf16": eager(hop, voices, True),
            }
            _print(voices, measure(ways, RATE, options.seconds))
    if options.file is not None:
        print(f"{options.file.name} in the engine at {DEVICE_RATE} Hz")
        for voices in (*VOICES, 16):
            ways = {"played": in_engine(options.file, voices)}
            _print(voices, measure(ways, DEVICE_RATE, options.seconds))


def _print(voices: int, factors: dict[str, float]) -> None:
    told = (f"{name} {f:6.2f} ({voices * f:5.1f} voices)" for name, f in factors.items())
    print(f"  {voices:2} voices: " + ", ".join(told))


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((x.split(":")[1].strip() for x in lines if "model name" in x), platform.machine())


if __name__ == "__main__":
    main()
