"""Compare ways to make live sound of frames of magnitudes at a known key, note by note.

    python bench/timbre_synthesis.py [--instruments Flute Piano …] [--step 3] [--cents 12.5]
        [--smooth 0.2] [--json FILE]

Frames are those of real notes (FluidSynth, FluidR3): no model stands between. With --smooth their
logarithm is averaged over that many seconds, as a decoder predicts it. With --cents the notes are
bent off the key; half a band is 12.5. Ways, all causal:

- heap: real-time phase-gradient heap integration and the inverse of the transform, which reaches as
  far ahead as its windows: that latency is printed.
- harmonics: harmonics of the pitch with amplitudes read from the frame, and noise from between
  them, by the very parts that the exported instrument is made of.
- bands: an oscillator for each band, at the frequency that its magnitude and its neighbours' tell.
- centres: an oscillator for each band, at the band's own frequency.

Figures: `cents`: off the pitch; `between`: power further than 0.3 f0 from every harmonic, in dB
below all power; `lines`: the same without the noise part; `spectrum`: RMS difference in dB of the
mean spectra of the held part, 410 bands, 70 dB deep; `cells`: that of the power from half-way to
half-way between harmonics, up to the 24th; `grain`: standard deviation in dB along time of bands
between harmonics, 5.6 or more in noise and 0 in tones; `level`: mean difference of 10 ms levels in
dB, `rise`: time from -20 to -3 dB in ms, both plain and with a level track, as a model's anchors
have one; `click`: largest second difference over that of the material; `speed`: times real time,
on one core.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import mido
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synth.dsp.nsgt import NSGT, make_scale
from synth.dsp.phase import CausalHeapIntegration
from synth.dsp.phase.gradients import PhaseGradient
from synth.models.timbre.live.noise import Noise
from synth.models.timbre.live.oscillators import Oscillators, scattered_phases, table_size
from synth.models.timbre.live.reader import FrameReader
from training.recipes.soundfont import Note, Slot, find_renderer, render

Floats = NDArray[np.float64]

RATE, HOP = 22_050, 128
FLOOR = 1e-6  # magnitude at which nothing is heard
ONSET_MS, HELD_MS, LENGTH_MS = 300, 2_000, 3_000
LENGTH = RATE * LENGTH_MS // 1000
HELD = (0.8, 2.0)  # seconds, where a note is steady
BESIDE = 0.3  # of the fundamental
DEPTH_DB = 70.0
LEVEL_S = 0.010
WHEEL_CENTS = 200  # that FluidSynth bends at most
# name -> General MIDI program, lowest and highest key.
INSTRUMENTS = {
    "Trumpet": (56, 52, 82),
    "Piano": (0, 33, 93),
    "Violin": (40, 55, 93),
    "Flute": (73, 60, 93),
    "Violoncello": (42, 36, 72),
    "Clarinet": (71, 50, 89),
    "Oboe": (68, 58, 86),
    "Horn": (60, 41, 74),
    "Bassoon": (70, 34, 70),
}
TRANSFORM = NSGT(make_scale("octave", 30, 11_000, 48), RATE, LENGTH)
FRAMES_HELD = slice(*(int(s * TRANSFORM.frame_rate) for s in HELD))


@dataclass
class Figures:
    """Of one note made in one way."""

    cents: float
    between: float
    lines: float
    spectrum: float
    cells: float
    grain: float
    level: float
    level_tracked: float
    rise: float
    rise_tracked: float
    click: float
    speed: float


class Harmonics:
    """Harmonics and noise, as the exported instrument makes them."""

    def __init__(self, lowest: int, highest: int) -> None:
        self.reader = FrameReader(TRANSFORM.frequencies, lowest, highest, FLOOR)
        count = self.reader.partials
        self.oscillators = Oscillators(count, HOP, table_size(count), scattered_phases(count))
        self.noise = Noise(TRANSFORM.frequencies, RATE, HOP, self.reader.places)

    def __call__(self, magnitude: Tensor, key: float) -> tuple[Tensor, Tensor]:
        """Harmonics and noise, `[length]` each."""
        points = -(-LENGTH // HOP)
        frames = at_times(magnitude, torch.arange(1, points + 1) * (HOP / RATE)).T
        row = torch.full((points,), round(key) - self.reader.lowest)
        heard = self.reader(frames, row)
        turns = torch.tensor([[hertz(key) / RATE]])
        tables = self.oscillators.tables(heard.partials, turns)
        tables = torch.cat([tables[:1], tables])[None]
        start = torch.zeros(1, 1, dtype=torch.int64)
        sound, _ = self.oscillators.read(tables, start, turns, turns)
        spectra = self.noise.spectrum(heard.noise, row)
        generator = torch.Generator().manual_seed(round(key))
        draws = torch.randn(1, points, self.noise.draws, generator=generator)
        between, _ = self.noise.render(spectra, draws, torch.zeros(1, HOP))
        return sound[0, :LENGTH], between[0, :LENGTH]


def heap(magnitude: Tensor, key: float) -> tuple[Tensor, Tensor]:
    """Phases by heap integration in real time."""
    causal = CausalHeapIntegration(TRANSFORM)
    phase, _ = causal.step(magnitude, causal.init_state())
    return TRANSFORM.inverse(torch.polar(magnitude, phase.float())), torch.zeros(LENGTH)


def bands(magnitude: Tensor, key: float) -> tuple[Tensor, Tensor]:
    """Band oscillators at the frequencies that magnitudes tell. Those of one sinusoid agree."""
    gradient = PhaseGradient(TRANSFORM)
    offset = gradient.offset_hz(magnitude.double())
    return oscillating(magnitude, offset + gradient.moved[:, None]), torch.zeros(LENGTH)


def centres(magnitude: Tensor, key: float) -> tuple[Tensor, Tensor]:
    """Band oscillators at the bands' own frequencies."""
    own = TRANSFORM.frequencies[:, None].expand(magnitude.shape)
    return oscillating(magnitude, own), torch.zeros(LENGTH)


def oscillating(magnitude: Tensor, frequency: Tensor) -> Tensor:
    """A sinusoid for each band, magnitude and frequency moving in a straight line, `[length]`."""
    seconds = torch.arange(LENGTH) / RATE
    sound = torch.zeros(LENGTH)
    for level, hertz_of in zip(magnitude, frequency, strict=True):
        turns = torch.cumsum(at_times(hertz_of.double(), seconds.double()) / RATE, 0)
        sound += at_times(level, seconds) * torch.sin(2 * np.pi * torch.remainder(turns, 1).float())
    return sound


def at_times(values: Tensor, seconds: Tensor) -> Tensor:
    """Frames `[*, frames]` between two of the transform, `[*, times]`."""
    place = (seconds * TRANSFORM.frame_rate).clamp(0, values.shape[-1] - 1.001)
    index = place.long()
    share = (place - index).to(values)
    return values[..., index] * (1 - share) + values[..., index + 1] * share


def hertz(key: float) -> float:
    """Of a MIDI key."""
    return float(440 * 2 ** ((key - 69) / 12))


def level_db(audio: Floats) -> Floats:
    """Of 10 ms round each sample."""
    window = np.hanning(round(LEVEL_S * RATE) + 2)[1:-1]
    power = np.convolve(audio**2, window / window.sum(), "same")
    return 10 * np.log10(np.maximum(power, 1e-12))


def tracked(made: Floats, material: Floats) -> Floats:
    """The sound with the level of the material."""
    gain_db = np.clip(level_db(material) - level_db(made), -60, 24)
    return made * 10 ** (gain_db / 20)


def rise_ms(level: Floats) -> float:
    """From 20 to 3 dB below the highest level."""
    top = level[RATE * ONSET_MS // 1000 : RATE * (ONSET_MS + HELD_MS) // 1000].max()
    end = int(np.argmax(level > top - 3))
    quiet = np.flatnonzero(level[:end] < top - 20)
    return float(end - (quiet[-1] if len(quiet) else 0)) / RATE * 1e3


def beside_db(audio: Floats, key: float) -> float:
    """Power that lies far from every harmonic in the held part, against all power."""
    part = audio[slice(*(int(s * RATE) for s in HELD))]
    power = np.abs(np.fft.rfft(part * np.blackman(len(part)))) ** 2
    place = np.fft.rfftfreq(len(part), 1 / RATE) / hertz(key)
    far = (np.abs(place - np.rint(place)) > BESIDE) & (place > 0.6)
    return float(10 * np.log10(power[far].sum() / max(power.sum(), 1e-30) + 1e-15))


def off_key_cents(audio: Floats, key: float) -> float:
    """Pitch off the key by the pace of the phase of the loudest of the first three harmonics."""
    part = audio[slice(*(int(s * RATE) for s in HELD))]
    seconds = np.arange(len(part)) / RATE
    window = np.hanning(int(4 * RATE / hertz(key)))
    loudest, found = 0.0, np.nan
    for number in (1, 2, 3):
        carrier = np.exp(-2j * np.pi * number * hertz(key) * seconds)
        moved = np.convolve(part * carrier, window, "valid")
        if np.abs(moved).mean() > loudest:
            loudest = np.abs(moved).mean()
            phase = np.unwrap(np.angle(moved))
            pace = np.polyfit(np.arange(len(phase)) / RATE, phase, 1, w=np.abs(moved))[0]
            found = 1200 * np.log2(1 + pace / (2 * np.pi * number * hertz(key)))
    return float(found)


def distance_db(made: Tensor, wanted: Tensor) -> float:
    """RMS difference of levels."""
    floor = float(wanted.max()) * 10 ** (-DEPTH_DB / 20)
    ratio = made.clamp_min(floor) / wanted.clamp_min(floor)
    return float((20 * ratio.log10()).square().mean().sqrt())


def cells_db(mean: Tensor, key: float) -> Tensor:
    """Level of each harmonic's cell `[24 or fewer]` in a mean spectrum `[bands]`."""
    number = torch.round(TRANSFORM.frequencies / hertz(key)).long()
    power = torch.zeros(int(number.max()) + 1).index_add(0, number, mean.square())[1:25]
    return 10 * (power.clamp_min(power.max() * 10 ** (-DEPTH_DB / 10))).log10()


def grain_db(magnitude: Tensor, key: float) -> float:
    """Standard deviation along time of the level between harmonics, mean over bands."""
    place = TRANSFORM.frequencies / hertz(key)
    between = ((place - place.round()).abs() > BESIDE) & (place > 0.6)
    level = 20 * magnitude[between][:, FRAMES_HELD].clamp_min(1e-8).log10()
    return float(level.std(1).mean())


def measured(material: Floats, sound: Floats, lines: Floats, key: float, speed: float) -> Figures:
    """All figures of a sound."""
    wanted, made = (TRANSFORM(torch.from_numpy(a).float()).abs() for a in (material, sound))
    means = [m[:, FRAMES_HELD].square().mean(1).sqrt() for m in (made, wanted)]
    cells = [cells_db(mean, key) for mean in means]
    with_track = tracked(sound, material)
    goal = level_db(material)
    heard = goal > goal.max() - 50
    levels = [level_db(sound), level_db(with_track)]
    return Figures(
        cents=off_key_cents(sound, key),
        between=beside_db(sound, key),
        lines=beside_db(lines, key),
        spectrum=distance_db(*means),
        cells=float((cells[0] - cells[1]).square().mean().sqrt()),
        grain=grain_db(made, key),
        level=float(np.abs(levels[0] - goal)[heard].mean()),
        level_tracked=float(np.abs(levels[1] - goal)[heard].mean()),
        rise=rise_ms(levels[0]),
        rise_tracked=rise_ms(levels[1]),
        click=float(np.abs(np.diff(with_track, 2)).max() / np.abs(np.diff(material, 2)).max()),
        speed=speed,
    )


def made_by(
    way: Callable[[Tensor, float], tuple[Tensor, Tensor]], note: Floats, key: float, smooth_s: float
) -> Figures:
    """A note's frames made to sound in one way."""
    magnitude = smoothed(TRANSFORM(torch.from_numpy(note).float()).abs(), smooth_s)
    begun = time.process_time()
    with torch.inference_mode():
        lines, noise = way(magnitude, key)
    spent = time.process_time() - begun
    sound = (lines + noise).double().numpy()
    return measured(note, sound, lines.double().numpy(), key, LENGTH / RATE / spent)


def smoothed(magnitude: Tensor, seconds: float) -> Tensor:
    """Geometric mean of the frames of `seconds` round each."""
    half = int(seconds * TRANSFORM.frame_rate / 2)
    padded = torch.nn.functional.pad(magnitude.clamp_min(1e-7).log(), (half, half), "replicate")
    return torch.nn.functional.avg_pool1d(padded, 2 * half + 1, 1).exp()


def notes_of(names: list[str], step: int, cents: float) -> dict[tuple[str, int], Floats]:
    """Rendered notes by instrument and key."""
    slots = []
    bend = mido.Message("pitchwheel", pitch=round(8192 * cents / WHEEL_CENTS))
    for name in names:
        program, low, high = INSTRUMENTS[name]
        for key in range(low, high + 1, step):
            note = Note(0, key, 90, ONSET_MS, HELD_MS)
            slots.append(Slot(f"{name} {key}", (program,), (note,), LENGTH_MS, ((0, bend),)))
    clips = render(slots, *find_renderer(), RATE)
    return {
        (name.split()[0], int(name.split()[1])): clip[:LENGTH].astype(np.float64)
        for name, clip in clips.items()
    }


def line_of(title: str, found: Figures | dict[str, float]) -> str:
    """A row of the table."""
    values = found if isinstance(found, dict) else asdict(found)
    return f"{title:28}" + "".join(f"{value:10.2f}" for value in values.values())


def summary(rows: list[Figures], choose: Callable[[Floats], float]) -> dict[str, float]:
    """One number of each figure over notes; of the size, where a figure has a sign."""
    columns = {name: np.array([getattr(row, name) for row in rows]) for name in asdict(rows[0])}
    return {n: choose(np.abs(v) if n == "cents" else v) for n, v in columns.items()}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--instruments", nargs="+", choices=INSTRUMENTS, default=[*INSTRUMENTS])
    parser.add_argument("--ways", nargs="+", default=["heap", "harmonics", "bands", "centres"])
    parser.add_argument("--step", type=int, default=3, help="keys from note to note")
    parser.add_argument("--cents", type=float, default=0.0, help="that notes are bent off the key")
    parser.add_argument("--smooth", type=float, default=0.0, help="seconds")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    notes = notes_of(options.instruments, options.step, options.cents)
    keys = [key for _, key in notes]
    known = {"heap": heap, "bands": bands, "centres": centres}
    known["harmonics"] = Harmonics(min(keys), max(keys))
    ways = {name: known[name] for name in options.ways}
    ways = {"material": lambda m, key: None, **ways}
    lowest = TRANSFORM.frequencies[:2].diff().item()
    print(f"{platform.processor() or platform.machine()}, {len(notes)} notes, {RATE} Hz")
    print(f"latency: heap {1e3 / lowest:.0f} ms, others {1e3 * HOP / RATE:.0f} ms")
    print(f"{'':28}" + "".join(f"{name[:9]:>10}" for name in Figures.__annotations__))
    found: dict[str, dict[str, list[Figures]]] = {}
    for (name, whole), note in notes.items():
        key = whole + options.cents / 100
        for way, make in ways.items():
            if way == "material":
                row = measured(note, note, note, key, np.nan)
            else:
                row = made_by(make, note, key, options.smooth)
            found.setdefault(way, {}).setdefault(name, []).append(row)
            print(line_of(f"{name} {whole} {way}", row), flush=True)
    for title, choose in (("mean", np.mean), ("worst", np.max)):
        for way, by_name in found.items():
            for name, rows in by_name.items():
                print(line_of(f"{title} {name} {way}", summary(rows, choose)))
            every = [row for rows in by_name.values() for row in rows]
            print(line_of(f"{title} of all {way}", summary(every, choose)))
    if options.json:
        plain = {
            way: {n: [asdict(row) for row in rows] for n, rows in by_name.items()}
            for way, by_name in found.items()
        }
        options.json.write_text(json.dumps({"keys": [list(n) for n in notes], "found": plain}))


if __name__ == "__main__":
    main()
