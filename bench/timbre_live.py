"""How a timbre space plays: speed, pitch, level, attack, and what lies between the partials.

    python bench/timbre_live.py INSTRUMENT.onnx [--speed] [--step 3] [--json FILE]

- Speed: processor time of one hop for 1 and 8 voices on one core, as a multiple of real time.
- Every key of the range, each sound, three velocities, 1.5 s of the held note from 0.3 s on:
  pitch in cents off the key; power further than 0.3 of the fundamental from every partial, against
  all power, without the noise (what the synthesis adds) and with it (the material's own); level;
  time from 10 to 90 % of the level.
- Jumps: the largest second difference at the moment when controls jump, against that before.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.onnx.instrument_graph import make_session
from realtime.plugins.onnx.file import read_instrument

Array = NDArray[np.float32]
VELOCITIES = (33 / 127, 80 / 127, 112 / 127)
HELD, SKIPPED = 1.8, 0.3
BESIDE = 0.3  # of the fundamental: what is further from every partial lies between


class Player:
    """Plays an instrument file a hop at a time; a row is a voice."""

    def __init__(self, path: Path, voices: int = 1, seed: int = 0) -> None:
        data, self.manifest = read_instrument(path)
        self.session, self.voices = make_session(data), voices
        self.random = np.random.default_rng(seed)
        self.roles = {c.role: c.name for c in self.manifest.controls if c.role}
        self.reset()

    def reset(self) -> None:
        """Silence, and all controls at their defaults."""
        manifest = self.manifest
        self.state = {s.name: np.zeros((self.voices, *s.shape), s.dtype) for s in manifest.state}
        self.controls = {
            c.name: np.tile(c.default_array, (self.voices, 1)) for c in manifest.controls
        }

    def set(self, **values: object) -> None:
        """Set controls by name: numbers, or arrays that broadcast to `[voices, size]`."""
        for name, value in values.items():
            self.controls[name][:] = value

    def play(self, seconds: float, hops: int = 1) -> Array:
        """Sound `[voices, samples]`."""
        manifest, pieces = self.manifest, []
        outputs = ["audio_out", *(f"{name}_out" for name in self.state)]
        for _ in range(round(seconds * manifest.sample_rate / manifest.hop / hops)):
            drawn = {
                r.name: self.random.standard_normal((self.voices, hops, *r.shape[1:]), np.float32)
                for r in manifest.random
            }
            given = {"frames": np.array([hops]), **self.controls, **self.state, **drawn}
            audio, *new = self.session.run(outputs, given)
            self.state = dict(zip(self.state, new, strict=True))
            pieces.append(audio[:, 0])
        return np.concatenate(pieces, 1)


def speed(path: Path, voices: int) -> float:
    """Real-time factor: the best of sixty tenths of a second, on a machine that others use, too."""
    player = Player(path, voices)
    player.set(gate=1, key=np.linspace(48, 72, voices)[:, None])
    player.play(0.2)
    best = np.inf
    for _ in range(60):
        begun = time.process_time()
        sound = player.play(0.1)
        best = min(best, (time.process_time() - begun) / sound.shape[1])
    return float(1.0 / best / player.manifest.sample_rate)


def spectrum(sound: Array, rate: int) -> tuple[Array, float]:
    """Power of a windowed sound, and the distance of its bins in Hz."""
    size = 1 << int(np.ceil(np.log2(len(sound) * 4)))
    window = np.blackman(len(sound))
    return np.abs(np.fft.rfft(sound * window, size)) ** 2, rate / size


def cents_off(sound: Array, rate: int, hertz: float) -> float:
    """Of the strongest of the first partials, found between bins."""
    power, apart = spectrum(sound, rate)
    best, off = 0.0, float("nan")
    for partial in range(1, max(2, min(16, int(0.45 * rate / hertz)) + 1)):
        low, high = (int(partial * hertz * 2 ** (c / 1200) / apart) for c in (-80, 80))
        if high + 2 >= len(power):
            break
        at = low + int(np.argmax(power[low : high + 1]))
        if power[at] > best:
            a, b, c = np.log(power[at - 1 : at + 2] + 1e-30)
            place = at + 0.5 * (a - c) / (a - 2 * b + c)
            best, off = power[at], 1200 * np.log2(place * apart / (partial * hertz))
    return float(off)


def between_db(sound: Array, rate: int, hertz: float) -> float:
    """Power between the partials against all."""
    power, apart = spectrum(sound, rate)
    place = np.arange(len(power)) * apart / hertz
    beside = np.abs(place - np.rint(place)) > BESIDE
    return float(10 * np.log10((power[beside].sum() + 1e-30) / (power.sum() + 1e-30)))


def level_db(sound: Array) -> float:
    """RMS."""
    return float(10 * np.log10(np.mean(np.square(sound)) + 1e-12))


def rise_ms(sound: Array, rate: int) -> float:
    """From a tenth to nine tenths of the highest level of 5 ms in the first half second."""
    block = round(0.005 * rate)
    count = min(len(sound), rate // 2) // block
    level = np.sqrt(np.square(sound[: count * block].reshape(count, block)).mean(1))
    top = level.max()
    return float(5 * (np.argmax(level >= 0.9 * top) - np.argmax(level >= 0.1 * top)))


def notes(player: Player, key: int, noise: float) -> Array:
    """A held note of every sound at every velocity, from its beginning: `[rows, samples]`."""
    player.reset()
    sounds, count = len(player.manifest.sounds), len(VELOCITIES)
    player.set(
        gate=1,
        key=key,
        velocity=np.tile(VELOCITIES, sounds)[:, None],
        sound=np.repeat(np.arange(sounds), count)[:, None],
        noise=noise,
    )
    return player.play(HELD, hops=16)


def keys(path: Path, step: int) -> list[dict[str, object]]:
    """Figures of every sound, key and velocity."""
    names = read_instrument(path)[1].sounds
    player, rows = Player(path, len(names) * len(VELOCITIES)), []
    rate, (low, high) = player.manifest.sample_rate, player.manifest.key_range or (36, 84)
    skipped = round(SKIPPED * rate)
    for key in range(low, high + 1, step):
        hertz = 440.0 * 2 ** ((key - 69) / 12)
        pairs = [(name, velocity) for name in names for velocity in VELOCITIES]
        made = zip(pairs, notes(player, key, -60.0), notes(player, key, 0.0), strict=True)
        for (name, velocity), clean, whole in made:
            rows.append({
                "sound": name, "key": key, "velocity": round(velocity, 2),
                "cents": cents_off(clean[skipped:], rate, hertz),
                "between_db": between_db(clean[skipped:], rate, hertz),
                "with_noise_db": between_db(whole[skipped:], rate, hertz),
                "level_db": level_db(whole[skipped : 2 * skipped]),
                "peak": float(np.abs(whole).max()), "rise_ms": rise_ms(whole, rate),
            })  # fmt: skip
    return rows


def jumps(path: Path) -> dict[str, float]:
    """Largest second difference of a jump against that of the steady sound, by control."""
    player, made = Player(path), {}
    for control in player.manifest.controls:
        if control.role in ("gate", "key", "velocity", "sound", "bend", "transpose"):
            continue
        if control.name in ("gain", "attack", "release", "noise"):
            continue
        player.reset()
        player.set(gate=1, key=60, noise=-60.0, morph=0.5)
        player.play(0.6)
        player.set(**{control.name: np.float32(control.minimum)})
        before = player.play(0.2)[0]
        player.set(**{control.name: np.float32(control.maximum)})
        during = player.play(0.05)[0]
        after = player.play(0.2)[0]
        steady = max(np.abs(np.diff(part, 2)).max() for part in (before, after))
        joined = np.concatenate([before[-2:], during])
        made[control.name] = float(np.abs(np.diff(joined, 2)).max() / (steady + 1e-12))
    return made


def told(rows: list[dict[str, object]]) -> None:
    """Print the figures of every sound, and the worst keys."""

    def worst(own: list[dict[str, object]], name: str) -> dict[str, object]:
        return max(own, key=lambda row: abs(row[name]) if name == "cents" else row[name])

    for name in dict.fromkeys(row["sound"] for row in rows):
        own = [row for row in rows if row["sound"] == name]
        cents, between = worst(own, "cents"), worst(own, "between_db")
        noise = np.median([row["with_noise_db"] for row in own])
        levels = [
            f"{np.median([r['level_db'] for r in own if r['velocity'] == round(v, 2)]):.1f}"
            for v in VELOCITIES
        ]
        rise = np.median([row["rise_ms"] for row in own])
        peak = worst(own, "peak")
        print(
            f"{name:16} cents {cents['cents']:+.3f} (key {cents['key']}),"
            f" between {between['between_db']:.1f} dB (key {between['key']} at"
            f" {between['velocity']}), with noise {noise:.1f} dB, level {' '.join(levels)} dB,"
            f" rise {rise:.0f} ms, peak {peak['peak']:.2f} (key {peak['key']})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("instrument", type=Path)
    parser.add_argument("--speed", action="store_true", help="only speed and jumps")
    parser.add_argument("--step", type=int, default=1, help="semitones from key to key")
    parser.add_argument("--json", type=Path, help="where all figures go")
    given = parser.parse_args()
    print(platform.processor() or platform.machine(), platform.platform())
    for voices in (1, 8):
        print(f"{voices} voices: {speed(given.instrument, voices):.1f} times real time")
    stepped = jumps(given.instrument)
    print("jumps:", ", ".join(f"{name} {value:.2f}" for name, value in stepped.items()))
    if given.speed:
        return
    rows = keys(given.instrument, given.step)
    told(rows)
    if given.json:
        given.json.write_text(json.dumps({"keys": rows, "jumps": stepped}, indent=1))


if __name__ == "__main__":
    main()
