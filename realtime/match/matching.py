"""`Matching`: from an audio file to the patch of an instrument that sounds like it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from realtime.match.choice import chosen_matcher
from realtime.match.distance import Judge
from realtime.match.proposals import Proposals, Proposer
from realtime.match.rendering import CandidateRenderer
from realtime.match.target import Target, cut_target
from synth.contract import DataError, audio_info, read_audio
from synth.contract.reading import resampled
from synth.contract.recordings import recording_blocks

Array = NDArray[np.float32]
Progress = Callable[[float, str], None]

CANDIDATES = 16
FARTHEST_S = 60.0  # of a file that is read
TAIL_S = 0.1  # rendered beyond the target, so that a release that is too long costs something
VOICED = 0.5  # surer than this, the key is named


class Found(NamedTuple):
    """A patch that was found.

    Attributes:
        values: by the names of the controls, in their units.
        key: MIDI key at which it sounds like the target, fractional; None where none was heard.
        distance: from the target, dB; see `realtime.match.distance`.
        seconds: of the target that were used.
        level_db: of the target's loudest moment, dBFS.
        notes: sentences that people should read.
    """

    values: dict[str, float]
    key: float | None
    distance: float
    seconds: float
    level_db: float
    notes: tuple[str, ...]


class Matching:
    """An instrument and a matching model for it, both loaded.

    Args:
        instrument: path of the file that plays.
        matcher: path of the matching model; "" for the bundled one of the instrument's voice.

    Raises:
        ModelFileError: a file is refused.
        ConfigError: the two are of different voices, or there is no model for this voice.
    """

    def __init__(self, instrument: str, matcher: str = "") -> None:
        self._renderer = CandidateRenderer(instrument)
        path, self.manifest = chosen_matcher(matcher, self._renderer.manifest)
        self._proposer = Proposer(path)

    def run(self, path: str | Path, progress: Progress) -> Found:
        """Find a patch.

        Args:
            path: of an audio file.
            progress: called again and again with the share that is done, 0 … 1, and what is being
                done; what it raises ends the work.

        Raises:
            DataError: the file can't be used, or nothing is to be heard in it.
            ModelFileError: the model or the instrument doesn't run.
        """
        progress(0.0, "listening")
        manifest = self.manifest
        audio, rate, cut = _read(path, manifest.sample_rate)
        longest = manifest.samples / manifest.sample_rate
        target = cut_target(audio, rate, manifest.sample_rate, longest)
        progress(0.1, "proposing")
        proposals = self._proposer.propose(target.audio * target.usual, CANDIDATES)
        progress(0.3, "rendering")
        best, distance = self._best(target, proposals, progress)
        values = dict(zip(manifest.names, proposals.values[best].tolist(), strict=True))
        key = values.pop(manifest.key)
        del values[manifest.duration]
        morph = self._renderer.manifest.with_role("morph")
        if morph is not None:
            values[morph.name] = morph.minimum[0]  # where the sound is that of the other controls
        return Found(
            values,
            key if proposals.voiced > VOICED else None,
            distance,
            target.seconds,
            target.level_db,
            (*cut, *target.notes),
        )

    def _best(self, target: Target, proposals: Proposals, progress: Progress) -> tuple[int, float]:
        """The number of the nearest candidate, and its distance."""
        manifest, renderer = self.manifest, self._renderer
        columns = dict(zip(manifest.names, proposals.values.T, strict=True))
        keys, held = columns.pop(manifest.key), columns.pop(manifest.duration)
        wanted = resampled(target.audio, target.sample_rate, renderer.sample_rate)
        wanted = np.pad(wanted, (0, round(TAIL_S * renderer.sample_rate)))
        audio = renderer.render(
            columns,
            keys,
            held,
            len(wanted),
            lambda share: progress(0.3 + 0.6 * share, "rendering"),
        )
        progress(0.9, "judging")
        distances = Judge(wanted, renderer.sample_rate).distances(audio)
        # A sound that is silent or no number is the farthest of all.
        loud = np.square(audio, dtype=np.float64).mean(1)
        distances[~(np.isfinite(loud) & (loud > 0))] = np.inf
        best = int(np.argmin(distances))
        if not np.isfinite(distances[best]):
            raise DataError("no patch that was proposed makes a sound; try another part of it")
        return best, float(distances[best])


def _read(path: str | Path, sample_rate: int) -> tuple[Array, int, tuple[str, ...]]:
    """The audio of a file, its rate, and a note if only its beginning was read."""
    seconds = audio_info(path).seconds
    if seconds <= FARTHEST_S:
        return *read_audio(path), ()
    blocks = recording_blocks(path, sample_rate, 1, first_seconds=FARTHEST_S)
    note = f"read the first {FARTHEST_S:g} s of {seconds:.0f} s"
    return np.concatenate(list(blocks), 1), sample_rate, (note,)
