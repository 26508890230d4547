"""The prime bank of a live SampleRNN: its states after hearing recordings up to some places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from export.material import read_usable
from synth.contract import DataError
from synth.contract.recordings import read_recording
from synth.dsp.features import extract
from synth.models.samplernn import SampleRNN, SampleRNNConfig
from synth.models.samplernn.instrument import KEYS, PrimeBank
from synth.nn import State

PLACES = 64
HEARD_S = 0.5  # before a place, so that the recurrent layers are in the middle of the sound
QUIET_DB = -50.0  # under the peak: nothing to start from
PIECE_FRAMES = 16  # of the top tier, heard at once: bounds the memory
LOWEST_KEY, HIGHEST_KEY = 21, 108  # of a piano, over which places without pitch are laid


@dataclass(frozen=True)
class Material:
    """Recordings, one after the other.

    Attributes:
        codes: int64 `[samples]`.
        steering: features and classes of the model's top frames, `[samples / hop, count]`.
        size: peak of each of those frames, full scale being 1, `[samples / hop]`.
    """

    codes: Tensor
    steering: np.ndarray
    size: np.ndarray


def read_material(
    model: SampleRNN,
    files: Sequence[Path],
    max_seconds: float,
    on_notice: Callable[[str], None] | None = None,
) -> Material:
    """Read recordings as the model hears them.

    Args:
        model: trained, in eval mode.
        files: recordings, at any rate and with any number of channels.
        max_seconds: how much of each is used, above 0.
        on_notice: called with a sentence for each recording that is left out: one that training
            would leave out, or that is shorter than a frame of the top tier.

    Raises:
        DataError: no file can be used, or all are too short to start a model with.
    """
    config = model.config
    read = read_usable(files, lambda file: _read(config, file, max_seconds), on_notice)
    sound = np.concatenate([mono for mono, _ in read])
    needed = config.context + _heard(config)
    if len(sound) < 2 * needed:
        raise DataError(
            f"the recordings have {len(sound) / config.sample_rate:.2f} s; notes need"
            f" {2 * needed / config.sample_rate:.2f} to start from, give longer --sounds"
        )
    steering = np.concatenate([classes for _, classes in read])
    if config.features:
        steering = np.concatenate([_features(config, sound), steering], 1)
    codes = model.encode(torch.from_numpy(sound))
    size = np.abs(sound).reshape(-1, config.hop).max(1)
    return Material(codes, steering, size)


def _read(config: SampleRNNConfig, file: Path, max_seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Samples of one recording in whole frames, and the classes of those frames.

    Raises:
        DataError: it can't be used.
    """
    mono = read_recording(file, config.sample_rate, 1, seconds=max_seconds)[0]
    frames = len(mono) // config.hop
    if not frames:
        raise DataError(f"{file}: shorter than a frame of the model ({config.hop} samples)")
    own = np.array([label == file.parent.name for label in config.labels], np.float32)
    return mono[: frames * config.hop], np.tile(own, (frames, 1))


def build_primes(model: SampleRNN, material: Material, places: int = PLACES) -> PrimeBank:
    """Let the model hear the material up to each place.

    Args:
        model: trained, in eval mode.
        material: as `read_material` makes it.
        places: how many places at most.

    Returns:
        the bank; keys start at a place of their pitch where the model knows pitch, else the places
        lie over the keyboard in the order of time.
    """
    config = model.config
    starts = _loud_places(material, config, places)
    codes, steering = excerpts(material, config, starts - _heard(config), _heard(config))
    _, state = hear(model, codes, steering)
    pitch = config.features.index("pitch") if "pitch" in config.features else None
    if pitch is None:
        share = (np.arange(KEYS) - LOWEST_KEY) / (HIGHEST_KEY - LOWEST_KEY)
        place = np.round(np.clip(share, 0, 1) * (len(starts) - 1)).astype(np.int64)
    else:
        keys = material.steering[starts // config.hop - 1, pitch]
        place = np.abs(np.arange(KEYS)[:, None] - keys).argmin(1)
    return PrimeBank(state, torch.from_numpy(place))


def excerpts(
    material: Material, config: SampleRNNConfig, starts: np.ndarray, samples: int
) -> tuple[Tensor, Tensor | None]:
    """Codes `[places, context + samples]` and steering `[places, samples / hop, count]`.

    Args:
        material: to cut from.
        config: of the model.
        samples: length of each excerpt without its context, a multiple of the model's hop.
        starts: of what is to be predicted, multiples of the model's hop from `context` on.
    """
    before = config.context
    codes = torch.stack([material.codes[at - before : at + samples] for at in starts])
    if not config.feature_count:
        return codes, None
    frames = [material.steering[at // config.hop : (at + samples) // config.hop] for at in starts]
    return codes, torch.from_numpy(np.stack(frames))


def hear(model: SampleRNN, codes: Tensor, steering: Tensor | None) -> tuple[int, State]:
    """Let the model hear known codes.

    Args:
        model: trained, in eval mode.
        codes: int64 `[rows, context + samples]`.
        steering: `[rows, samples / hop, count]`, or None for a model that takes none.

    Returns:
        the number of samples heard, and the state after them.
    """
    config = model.config
    state = model.init_state(len(codes))
    piece, samples = PIECE_FRAMES * config.hop, codes.shape[1] - config.context
    with torch.inference_mode():
        for first in range(0, samples, piece):
            last = min(first + piece, samples)
            part = codes[:, first : last + config.context]
            frames = slice(first // config.hop, last // config.hop)
            given = None if steering is None else steering[:, frames]
            _, state = model.condition(part, state, given)
    return samples, {name: tensor.contiguous() for name, tensor in state.items()}


def even_places(material: Material, config: SampleRNNConfig, samples: int, count: int,
                share: tuple[float, float] = (0.0, 1.0)) -> np.ndarray:  # fmt: skip
    """Starts of excerpts, evenly over a share of the material.

    Args:
        material: to cut from.
        config: of the model.
        samples: length of an excerpt without its context.
        count: how many starts at most.
        share: where the excerpts begin and end, 0 … 1 of the material.

    Returns:
        int64 `[starts]`, multiples of the model's hop.
    """
    first = config.context + int(share[0] * len(material.codes))
    last = int(share[1] * len(material.codes)) - samples
    spread = np.linspace(first, max(last, first), count)
    highest = (len(material.codes) - samples) // config.hop
    at = np.clip(np.round(spread / config.hop), config.context // config.hop, highest)
    return np.unique(at).astype(np.int64) * config.hop


def _heard(config: SampleRNNConfig) -> int:
    return max(round(HEARD_S * config.sample_rate / config.hop), 1) * config.hop


def _loud_places(material: Material, config: SampleRNNConfig, places: int) -> np.ndarray:
    heard = _heard(config)
    ends = even_places(material, config, heard, 4 * places) + heard
    loud = material.size[ends // config.hop - 1]
    kept = ends[loud > material.size.max() * 10 ** (QUIET_DB / 20)]
    kept = kept if len(kept) else ends
    chosen: np.ndarray = kept[np.unique(np.linspace(0, len(kept) - 1, places).round().astype(int))]
    return chosen


def _features(config: SampleRNNConfig, sound: np.ndarray) -> np.ndarray:
    """Features at the rate of the top tier's frames, each interpolated at a frame's middle."""
    found = extract(sound, config.sample_rate, config.feature_hop, config.features)
    middles = (np.arange(len(sound) // config.hop) + 0.5) * config.hop / config.feature_hop - 0.5
    at = np.arange(len(found))
    columns = [np.interp(middles, at, found[:, i]) for i in range(found.shape[1])]
    return np.stack(columns, 1).astype(np.float32)
