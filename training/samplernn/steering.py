"""Features and classes of the recordings, which steer a SampleRNN while it learns."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from synth.contract import write_bytes
from synth.dsp.features import extract
from synth.models.samplernn import SampleRNNConfig
from training.data.library import Array, Clip

FEATURES_VERSION = 1


class Steering:
    """Features and class of every clip, at the frame rate of the model's top tier.

    Args:
        clips: the recordings.
        config: of the model, with features or labels.
        labels: the class of each clip; (): none.
    """

    def __init__(
        self, clips: Sequence[Clip], config: SampleRNNConfig, labels: Sequence[str] = ()
    ) -> None:
        self._clips, self._config = clips, config
        self._features = [open_features(clip, config) for clip in clips] if config.features else []
        self._classes = [config.labels.index(label) for label in labels]

    def window(self, clip: int, start: int, samples: int) -> Array:
        """Steering `[samples / hop, feature_count]` of a part of a clip.

        Args:
            clip: its number; start: first sample of the part; samples: a multiple of the hop.
        """
        config = self._config
        count = samples // config.hop
        out = np.zeros((count, config.feature_count), np.float32)
        if config.features:
            # Frames of both kinds describe their middle.
            middles = self._clips[clip].start + start + (np.arange(count) + 0.5) * config.hop
            found = self._features[clip]
            out[:, : len(config.features)] = interpolated(found, middles / config.feature_hop - 0.5)
        if config.labels:
            out[:, len(config.features) + self._classes[clip]] = 1.0
        return out

    def statistics(self) -> tuple[Array, Array]:
        """Mean and standard deviation `[feature_count]` over the clips; 0 and 1 for classes."""
        config = self._config
        mean, deviation = np.zeros(config.feature_count), np.ones(config.feature_count)
        if config.features:
            own = slice(0, len(config.features))
            frames = np.concatenate([self._own_frames(i) for i in range(len(self._clips))])
            mean[own] = frames.mean(0, dtype=np.float64)
            spread = frames.std(0, dtype=np.float64)
            # A feature that hardly moves would be divided by next to nothing, and moving it later
            # would lead far away from everything that was learned.
            deviation[own] = np.where(spread > 0.01, spread, 1.0)
        return mean.astype(np.float32), deviation.astype(np.float32)

    def _own_frames(self, clip: int) -> Array:
        """Feature frames of the part of the file that the clip is."""
        part, hop = self._clips[clip], self._config.feature_hop
        return self._features[clip][part.start // hop : max(part.start // hop + 1, part.end // hop)]


def interpolated(frames: Array, at: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Array:
    """Rows interpolated at fractional places; beyond the ends the outermost row holds.

    Args:
        frames: `[n, count]`; at: places `[m]`, in rows.
    """
    at = np.clip(at, 0, len(frames) - 1)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, len(frames) - 1)
    share = (at - low)[:, None]
    return ((1 - share) * frames[low] + share * frames[high]).astype(np.float32)


def open_features(clip: Clip, config: SampleRNNConfig) -> Array:
    """Features of the whole file that a clip belongs to, `[frames, count]`, memory-mapped.

    They are computed once and kept beside the decoded file.

    Args:
        clip: of the file; config: of the model.

    Raises:
        DataError: no room for them.
    """
    names = "+".join(config.features)
    path = clip.cache.with_name(
        f"{clip.cache.stem}-v{FEATURES_VERSION}-{config.feature_hop}-{names}.features"
    )
    if not _is_whole(path):
        buffer = io.BytesIO()
        audio = np.load(clip.cache, mmap_mode="r")[0]
        np.save(buffer, extract(audio, config.sample_rate, config.feature_hop, config.features))
        write_bytes(path, buffer.getbuffer())
    return np.load(path, mmap_mode="r")  # type: ignore[no-any-return]


def _is_whole(path: Path) -> bool:
    try:
        np.load(path, mmap_mode="r")
    except (OSError, ValueError):
        return False
    return True
