"""What a match leaves: patches, sounds, and the figures of a page and a table."""

from __future__ import annotations

import csv
import io
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from synth.contract import DataError, write_audio, write_bytes
from synth.models.inverse.voices import Patch, Voice
from training.match.distances import DISTANCES
from training.match.judging import Judge
from training.match.search import Found, nearest
from training.match.target import Target

CEILING = 0.999  # of a written sound's peak


@dataclass(frozen=True)
class Match:
    """One patch that was found.

    Args:
        patch: with its values.
        audio: `[samples]`, at the target's level.
        gain_db: from the patch's level to the target's.
        distances: every measure by name.
    """

    patch: Patch
    audio: Tensor
    gain_db: float
    distances: dict[str, float]


@dataclass(frozen=True)
class Outcome:
    """Everything that was found for a target.

    Args:
        target: what was matched.
        meant: its sound `[samples]`, at its own level.
        matches: the best patches, nearest first.
        seconds: that were spent.
        first: distance of the first patch in dB.
        stopped: whether it was interrupted.
    """

    target: Target
    meant: Tensor
    matches: tuple[Match, ...]
    seconds: float
    first: float
    stopped: bool


def outcome(target: Target, voice: Voice, found: Found, keep: int, seconds: float) -> Outcome:
    """Render the best patches and measure them.

    Args:
        target: that was matched.
        voice: that plays the patches.
        found: by the search.
        keep: how many patches.
        seconds: that were spent.
    """
    judge = Judge(target, voice)
    units, _ = nearest(found, keep)
    every = judge.all_distances(units)
    matches = []
    for i in range(len(units)):
        audio = judge.render(units[i : i + 1])
        gain = float(judge.gains(audio)) * target.gain
        name = safe_name(target.name)[:70] + (f"-{i + 1}" if i else "")
        patch = Patch.of(voice, units[i : i + 1], name, f"matched to {target.name}"[:200])
        figures = {measure: values[i] for measure, values in every.items()}
        matches.append(Match(patch, (audio * gain)[0], decibel(gain), figures))
    meant = judge.meant[0] * target.gain
    return Outcome(target, meant, tuple(matches), seconds, found.first, found.stopped)


def decibel(gain: float) -> float:
    """A factor in dB, at least -200."""
    return 20 * math.log10(max(gain, 1e-10))


def write_outcome(folder: Path, result: Outcome, sample_rate: int) -> list[Path]:
    """Write patches and sounds: patch.json and match.wav are the best, then patch-2.json ….

    Args:
        folder: made where it is missing.
        result: of the search.
        sample_rate: Hz.

    Returns:
        the files, patch.json first.

    Raises:
        DataError: they can't be written.
    """
    make_folder(folder)
    files = []
    for i, match in enumerate(result.matches):
        ending = f"-{i + 1}" if i else ""
        match.patch.write(folder / f"patch{ending}.json")
        _write_sound(folder / f"match{ending}.wav", match.audio, sample_rate)
        files += [folder / f"patch{ending}.json", folder / f"match{ending}.wav"]
    _write_sound(folder / "target.wav", result.meant, sample_rate)
    return [*files, folder / "target.wav"]


def write_table(path: Path, results: list[Outcome]) -> None:
    """Write a CSV: a row for each target with the figures of its best patch."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["target", "key", "voiced", "seconds", "gain_db", *DISTANCES, "remarks"])
    for result in results:
        target, best = result.target, result.matches[0]
        figures = [f"{best.distances[name]:.6g}" for name in DISTANCES]
        table.writerow(
            [
                target.name, f"{target.key:.3f}", f"{target.voiced:.3f}", f"{target.seconds:.3f}",
                f"{best.gain_db:.2f}", *figures, "; ".join(target.remarks),
            ]
        )  # fmt: skip
    write_bytes(path, text.getvalue().encode())


def make_folder(folder: Path) -> None:
    """Make a folder that results are written into.

    Raises:
        DataError: it can't be made, or not be written into.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{folder}: can't be made ({error.strerror}); choose another --out"
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):  # to be known before a search, not after it
        raise DataError(f"{folder}: can't be written into; choose another --out")


def safe_name(name: str) -> str:
    """A name that can be that of a folder.

    >>> safe_name("Oboe A#4 / ff")
    'Oboe_A_4_ff'
    """
    return re.sub(r"[^\w.-]+", "_", name).strip("_.") or "sound"


def _write_sound(path: Path, audio: Tensor, sample_rate: int) -> None:
    peak = float(audio.abs().max())
    scaled = audio * min(1.0, CEILING / peak) if peak > 0 else audio
    write_audio(path, scaled.float().numpy()[None], sample_rate)
