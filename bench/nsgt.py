"""Measure the nonstationary Gabor transform beside librosa and cicuetea: inverse and speed.

    pip install -c constraints.txt -e '.[train,dev]' librosa==0.11.0
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python bench/nsgt.py [--seconds 2.5] [--rounds 9]

22,050 Hz, 48 bands an octave from 30 Hz. The inverse is measured with all 410 bands up to 11 kHz.
librosa refuses bands so near to half the sample rate, and its inverse fails (below 0 dB) unless the
bands are whole octaves, so all programs are timed with the 384 bands of 8 octaves, up to 7.6 kHz.
The signal is noise between 60 Hz and 6 kHz, which every one of them covers: the ratio of signal to
error (SNR) doesn't count what lies outside of the bands.

librosa's `vqt` has an inverse for gamma = 0 alone, `icqt`. It is timed with hops of 256 samples,
which suit its octaves best, and of 64, about as many frames as the transform has. cicuetea computes
in double precision; its sparse mode has as many coefficients as each band needs and takes lengths
that are powers of 2, so it gets the next one.

Each program has one thread. They take turns, so that a machine that slows down slows all of them;
the script prints the median of the turns. Time is the processor time of the program, so other
programs disturb it only through the caches.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import torch
from cicuetea import NsgfCQT
from torch import Tensor

from synth.dsp.nsgt import NSGT, RaggedNSGT, Scale, SlicedInverse, SlicedNSGT, make_scale

RATE, LOWEST, COUNT = 22_050, 30.0, 48
WHOLE = make_scale("octave", LOWEST, 11_000, COUNT)
OCTAVES = 8
HIGHEST = LOWEST * 2 ** (OCTAVES - 1 / COUNT)
SHARED = make_scale("octave", LOWEST, HIGHEST, COUNT)
HOPS = (256, 64)


@dataclass
class Way:
    """One program: forth, and back from what forth made."""

    name: str
    forth: Callable[[], Any]
    back: Callable[[Any], Any]
    wanted: np.ndarray


def noise(length: int) -> np.ndarray:
    """White noise between 60 Hz and 6 kHz, double precision."""
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(length))
    hertz = np.fft.rfftfreq(length, 1 / RATE)
    return np.fft.irfft(np.where((hertz > 60) & (hertz < 6000), spectrum, 0), length)


def snr_db(wanted: np.ndarray, found: np.ndarray) -> float:
    """Energy of a signal over that of its error."""
    wanted, found = wanted.astype(np.float64), found.astype(np.float64)
    return float(10 * np.log10(np.sum(wanted**2) / np.sum((wanted - found) ** 2)))


def inverses(scale: Scale, audio: np.ndarray) -> None:
    """Print the SNR of every form in both precisions."""
    double = torch.from_numpy(audio)
    for name, transform in {
        "matrix, full": NSGT(scale, RATE, len(audio), reduced=False),
        "matrix, reduced": NSGT(scale, RATE, len(audio)),
        "ragged, full": RaggedNSGT(scale, RATE, len(audio)),
    }.items():
        found = [
            snr_db(audio, transform.inverse(transform(x)).numpy()) for x in (double, double.float())
        ]
        low, high = transform.reach_hz
        print(
            f"  {name:16} {found[0]:6.1f} dB double  {found[1]:6.1f} dB single"
            f"  {low:5.1f} … {high:.1f} Hz, redundancy {transform.redundancy:.1f}"
        )
    sliced = SlicedNSGT(scale, RATE, 16_384)
    inverse = SlicedInverse(sliced)
    levels, differences = [], []
    for x in (double[None], double[None].float()):
        whole = sliced(x)
        back = inverse(whole)[0].numpy()[inverse.latency :]
        levels.append(snr_db(audio[: len(back)], back))
        differences.append(float((streamed(sliced, x) - whole).abs().max() / whole.abs().max()))
    print(
        f"  {'sliced, full':16} {levels[0]:6.1f} dB double  {levels[1]:6.1f} dB single"
        f"  latency {sliced.latency} samples, streamed as whole to {max(differences):.0e}"
    )


def streamed(sliced: SlicedNSGT, audio: Tensor, block: int = 441) -> Tensor:
    """The slices of a stream in blocks."""
    state, made = sliced.init_state(len(audio)), []
    for part in audio.split(block, 1):
        slices, state = sliced.step(part, state)
        made.append(slices)
    return torch.cat(made, 1)


def ways(audio: np.ndarray) -> list[Way]:
    """All programs over the same bands."""
    single = audio.astype(np.float32)
    x, bands = torch.from_numpy(single), len(SHARED.frequencies)
    made = []
    for name, t in {
        "NSGT, reduced": NSGT(SHARED, RATE, len(audio)),
        "NSGT, full": NSGT(SHARED, RATE, len(audio), reduced=False),
        "RaggedNSGT": RaggedNSGT(SHARED, RATE, len(audio)),
    }.items():
        frames = f", {t.frames} frames" if isinstance(t, NSGT) else ""
        made.append(
            Way(name + frames, lambda t=t: t(x), lambda c, t=t: t.inverse(c).numpy(), single)
        )
    for hop in HOPS:
        given = {"sr": RATE, "hop_length": hop, "fmin": LOWEST, "bins_per_octave": COUNT}
        made.append(
            Way(
                f"librosa vqt, {-(-len(audio) // hop)} frames",
                lambda g=given: librosa.vqt(single, n_bins=bands, gamma=0, **g),
                lambda c, g=given: librosa.icqt(c, length=len(single), **g),
                single,
            )
        )
    longer = noise(1 << (len(audio) - 1).bit_length())
    other = NsgfCQT("sparse", RATE, len(longer), 1 / COUNT, LOWEST, HIGHEST, f_ref=LOWEST)
    made.append(
        Way(
            f"cicuetea, {len(longer)} samples", lambda: other.forward(longer), other.inverse, longer
        )
    )
    return made


def compare(all_ways: list[Way], rounds: int) -> None:
    """Print times and SNR of every program, and how many times as fast the first row is."""
    times: dict[str, list[tuple[float, float]]] = {way.name: [] for way in all_ways}
    levels = {}
    for turn in range(rounds + 1):  # the first one warms up
        for way in all_ways:
            start = time.process_time()
            coefficients = way.forth()
            middle = time.process_time()
            back = way.back(coefficients)
            end = time.process_time()
            if turn:
                times[way.name].append((middle - start, end - middle))
            else:
                levels[way.name] = snr_db(way.wanted, back)
    medians = {
        name: tuple(1000 * statistics.median(column) for column in zip(*rows, strict=True))
        for name, rows in times.items()
    }
    first = medians[all_ways[0].name]
    for way in all_ways:
        forth, back = medians[way.name]
        print(
            f"  {way.name:25} forth {forth:6.1f} ms ({forth / first[0]:5.1f})"
            f"  back {back:6.1f} ms ({back / first[1]:5.1f})  {levels[way.name]:5.1f} dB"
        )


def processor() -> str:
    """Its name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((x.split(":")[1].strip() for x in lines if "model name" in x), platform.machine())


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.5)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="n_fft=.* is too large")  # librosa, of low octaves
    print("python", *sys.argv)
    print(f"{processor()}, one thread, torch {torch.__version__}, librosa {librosa.__version__}")
    audio = noise(round(options.seconds * RATE))
    with torch.inference_mode():
        print(f"inverse, {len(WHOLE.frequencies)} bands, {len(audio)} samples")
        inverses(WHOLE, audio)
        print(f"speed, {len(SHARED.frequencies)} bands, single precision (ratio to the first row)")
        compare(ways(audio), options.rounds)


if __name__ == "__main__":
    main()
