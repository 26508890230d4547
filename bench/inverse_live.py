"""How a voice plays: speed in the engine, and what lies beside its partials.

    python bench/inverse_live.py [VOICE ...] [--json FILE]

- Speed: processor time of the engine on one core for 1, 4, 8 and 16 held notes of an exported voice
  at 48 kHz, as a multiple of real time: the best tenth of a second of several. Usually of the
  voices modular and fm: notes of the drum die away while they are held.
- Aliases, of the modular voice: the exported file plays the square, the saw and what is between
  them at every key, at 44.1 and 48 kHz; the strongest line that is no harmonic, below the strongest
  partial.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from export.inverse.bank import bank_of
from export.inverse.instrument_file import voice_onnx
from export.onnx.instrument_graph import make_session
from realtime.engine.settings import EngineSettings
from realtime.namespace.event import NOW, Event
from realtime.plugins.onnx.file import read_instrument
from realtime.plugins.rack import build_engine
from synth.models.inverse.voices import Patch, make_voice
from synth.models.inverse.voices.sounds import knob_positions

VOICE_COUNTS = (1, 4, 8, 16)
ROUNDS, PASSAGE_S = 30, 0.1
KEYS = range(21, 128)
SHAPES = (0.0, 0.5, 1.0)
BESIDE_HZ = 6.0  # what is further from every harmonic is an alias


def exported(folder: Path, voice: str, sample_rate: int) -> Path:
    """The file of a voice with its bank, or with random patches where there is none."""
    made = make_voice(voice)
    units = knob_positions(made.names, range(4))
    patches = bank_of(voice) or tuple(
        Patch.of(made, row[None], f"Sound {i}") for i, row in enumerate(units)
    )
    path = folder / f"{voice}_{sample_rate}.onnx"
    path.write_bytes(voice_onnx(made, patches, voice, sample_rate, {})[0])
    return path


def speed(path: Path, notes: int) -> float:
    """Real-time factor of the engine with so many held notes."""
    rate = 48_000
    engine = build_engine(EngineSettings((str(path),), sample_rate=rate, voices=notes))
    for i in range(notes):
        engine.schedule(Event(NOW, "/note/on", (40.0 + 2 * i, 100.0)))
    engine.render(rate // 5)
    best = np.inf
    for _ in range(ROUNDS):
        begun = time.process_time()
        engine.render(round(PASSAGE_S * rate))
        best = min(best, time.process_time() - begun)
    sounding = engine.stats()["active_voices"]
    engine.close()
    if sounding != notes:
        raise SystemExit(f"{sounding} of {notes} notes sound; the figure would be of those alone")
    return PASSAGE_S / best


def plain_tones(path: Path, shape: float) -> tuple[NDArray[np.float32], int]:
    """A second of the second oscillator at every key, `[keys, samples]`, and the sample rate."""
    data, manifest = read_instrument(path)
    session, rows, hops = make_session(data), len(KEYS), manifest.sample_rate // manifest.hop
    feed: dict[str, Any] = {
        c.name: np.tile(np.maximum(c.minimum, 0.0), (rows, 1)).astype(np.float32)
        for c in manifest.controls
    }
    told = {"gate": 1, "velocity": 1, "adsr_1_sustain": 1, "adsr_1_to_vco_2_amp": 1}
    for name, value in {**told, "mixer_vco_2": 1, "vco_2_shape": shape}.items():
        feed[name][:] = value
    feed["key"][:, 0] = KEYS
    feed |= {s.name: np.zeros((rows, *s.shape), s.dtype) for s in manifest.state}
    feed["noise_draws"] = np.zeros((rows, hops, manifest.hop), np.float32)
    return session.run(None, {"frames": np.array([hops]), **feed})[0][:, 0], manifest.sample_rate


def strongest_alias_db(sound: NDArray[np.float32], key: int, rate: int) -> float:
    """The strongest line that is no harmonic of a key, below the strongest that is."""
    n = np.arange(len(sound)) / len(sound) * 2 * np.pi
    window = 0.35875 - 0.48829 * np.cos(n) + 0.14128 * np.cos(2 * n) - 0.01168 * np.cos(3 * n)
    spectrum = np.abs(np.fft.rfft(sound * window))
    hertz = np.arange(len(spectrum)) * rate / len(sound)
    fundamental = 440 * 2 ** ((key - 69) / 12)
    beside = np.abs(hertz - fundamental * np.round(hertz / fundamental))
    # The direct current is a harmonic, too.
    return float(20 * np.log10(spectrum[beside > BESIDE_HZ].max() / spectrum.max()))


def aliases(path: Path) -> dict[str, Any]:
    """The strongest alias over all keys and shapes, and where it is."""
    worst: tuple[float, int, float] = (-np.inf, 0, 0.0)
    for shape in SHAPES:
        sounds, rate = plain_tones(path, shape)
        for key, sound in zip(KEYS, sounds, strict=True):
            worst = max(worst, (strongest_alias_db(sound, key, rate), key, shape))
    return {"alias_db": round(worst[0], 1), "key": worst[1], "shape": worst[2]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("voices", nargs="*", default=["modular", "fm"])
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, Any] = {"machine": f"{platform.machine()}, {platform.processor()}"}
    with tempfile.TemporaryDirectory() as folder:
        for voice in given.voices:
            path = exported(Path(folder), voice, 48_000)
            found[voice] = {f"{n} voices": round(speed(path, n), 2) for n in VOICE_COUNTS}
            print(voice, found[voice], flush=True)
        if "modular" in given.voices:
            for rate in (44_100, 48_000):
                found[str(rate)] = aliases(exported(Path(folder), "modular", rate))
                print(rate, found[str(rate)], flush=True)
    if given.json is not None:
        given.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
