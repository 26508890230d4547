"""`Target`: a sound to be matched, at the voice's rate, from where it begins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synth.contract import DataError, audio_info
from synth.contract.matcher import MATCHER_LEVEL
from synth.contract.reading import mixed, resampled
from synth.contract.recordings import CANCELLED, recording_blocks
from synth.models.inverse.hearing import hear
from synth.models.inverse.voices import Voice
from training.match.polyphony import several_pitches

READ_S = 60.0  # of a file that are looked at
FRAME_S = 0.01
ONSET = 3e-3  # of the loudest frame's level: -50 dB
KEPT_S = 0.02  # of silence that isn't worth cutting off
VOICED = 0.5  # from which a sound has a key
SHORTEST_S = 0.005
SHORT_S = 0.05
TAIL_S = 0.35  # beyond the end, in which a patch must have ended, too
LEAST_S = 0.5
CLIPPED = 3  # samples in a row at full scale


@dataclass(frozen=True)
class Target:
    """A sound to be matched.

    Args:
        name: for people.
        audio: `[1, samples]` of the voice's length, silent after the sound's end.
        gain: factor from the patch's level to the file's.
        key: MIDI key that is heard; voiced: how surely, 0 … 1; seconds: audible length.
        remarks: what should be said of it, one sentence each.
        path: the file, if there is one.
    """

    name: str
    audio: Tensor
    gain: float
    key: float
    voiced: float
    seconds: float
    remarks: tuple[str, ...] = ()
    path: Path | None = None

    @property
    def has_key(self) -> bool:
        """Whether it has a pitch that can be set."""
        return self.voiced >= VOICED

    @property
    def span(self) -> float:
        """Seconds in which patches are compared with it."""
        return max(self.seconds + TAIL_S, LEAST_S)


def make_target(
    name: str,
    audio: Tensor,
    voice: Voice,
    *,
    gain: float | None = None,
    path: Path | None = None,
) -> Target:
    """A target from samples.

    Args:
        name: for people.
        audio: `[samples]` at the voice's rate, from where the sound begins; what is beyond the
            voice's length is left out.
        voice: that shall make it.
        gain: from the level that it is matched at to its own; None: what makes it as loud as a
            usual patch.
        path: the file, if there is one.

    Raises:
        DataError: it is silent.
    """
    cut = audio[: voice.samples]
    level = float(_levels(cut.numpy(), voice.sample_rate).max())
    if level <= 1e-6:
        raise DataError(f"{name}: silent; nothing can be matched")
    gain = level / MATCHER_LEVEL if gain is None else gain
    whole = torch.nn.functional.pad(cut / gain, (0, voice.samples - len(cut)))[None]
    heard = hear(whole, voice.sample_rate)
    found = (float(heard.key), float(heard.voiced), float(heard.seconds))
    return Target(name, whole, gain, *found, path=path)


def read_target(path: Path, voice: Voice) -> Target:
    """A target from an audio file of any rate and number of channels.

    Its channels are mixed, and silence before the sound is left out; so is what is longer than the
    voice's sounds. The remarks say so.

    Args:
        path: audio file.
        voice: that shall make it.

    Raises:
        DataError: it is missing, not audio, silent, or too short.
    """
    info = audio_info(path)
    blocks = list(recording_blocks(path, info.sample_rate, info.channels, first_seconds=READ_S))
    native = np.concatenate(blocks, 1)
    remarks = []
    if info.channels > 1:
        remarks.append(f"{info.channels} channels are mixed to one")
    if _is_clipped(native):
        remarks.append("it is clipped: the distortion is matched, too")
    mono = mixed(native, 1)
    if np.abs(mono).max() < CANCELLED * np.abs(native).max():
        raise DataError(f"{path}: its channels cancel each other when mixed; keep only one")
    audio = resampled(mono, info.sample_rate, voice.sample_rate)[0]
    start = _onset(audio, voice.sample_rate)
    audio = audio[start:]
    length = len(audio) / voice.sample_rate
    if length < SHORTEST_S:
        raise DataError(
            f"{path}: {1000 * length:.2g} ms of sound; give at least {1000 * SHORTEST_S:g} ms"
        )
    remarks += _of_length(info.seconds, start / voice.sample_rate, length, voice.seconds)
    target = make_target(path.stem, torch.from_numpy(audio.copy()), voice, path=path)
    if several_pitches(target.audio, voice.sample_rate):
        remarks.append("it seems to hold several pitches, of which the voice plays one")
    return replace(target, remarks=tuple(remarks))


def _of_length(whole: float, start: float, sound: float, seconds: float) -> list[str]:
    """What is said of a sound's length: of the file, before the sound, of the sound, of a voice."""
    remarks = []
    if start > 0:
        remarks.append(f"{start:.2f} s of silence before it are left out")
    if sound > seconds:
        remarks.append(f"its first {seconds:g} s are used, of {whole - start:.3g} s")
    elif sound < SHORT_S:
        remarks.append(f"it is only {1000 * sound:.2g} ms long")
    return remarks


def _levels(audio: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """RMS of successive frames."""
    size = max(1, round(FRAME_S * sample_rate))
    padded = np.pad(audio, (0, -len(audio) % size))
    levels: NDArray[np.float32] = np.sqrt(np.square(padded.reshape(-1, size)).mean(1))
    return levels


def _onset(audio: NDArray[np.float32], sample_rate: int) -> int:
    """The sample at which the sound begins; 0 if there is hardly silence before it."""
    levels = _levels(audio, sample_rate)
    size = max(1, round(FRAME_S * sample_rate))
    first = int(np.argmax(levels > ONSET * levels.max())) * size
    near = np.abs(audio[first : first + size])
    first += int(np.argmax(near > 0.1 * near.max())) if len(near) else 0
    return first if first > KEPT_S * sample_rate else 0


def _is_clipped(audio: NDArray[np.float32]) -> bool:
    """Whether samples in a row stay at full scale, `[channels, frames]`."""
    peak = float(np.abs(audio).max())
    if peak < 0.97:
        return False
    at = np.abs(audio) >= peak * 0.9999
    runs = at[:, : -CLIPPED + 1].copy()
    for shift in range(1, CLIPPED):
        runs &= at[:, shift : at.shape[1] - CLIPPED + 1 + shift]
    return bool(runs.sum() >= 4)
