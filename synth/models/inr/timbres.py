"""The trained sounds laid over the keyboard: which latent a key plays, and how far transposed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from synth.models.inr.config import INRConfig

KEYS = 128
NEUTRAL_KEY = 60.0  # plays a sound of unknown pitch as it is
REACH = 6  # keys beyond the lowest and the highest sound of a timbre that count as in tune
MAX_AXES = 8
VARIANCE = 0.95
PERCENTILES = (0.01, 0.99)


@dataclass(frozen=True)
class Timbres:
    """What `sound` chooses from.

    Attributes:
        names: of the timbres; entry: int64 `[timbres, 128]`, the sound that a key plays.
        root: `[sounds]`, the key at which a sound plays as it is.
        key_range: keys within reach of a sound in every timbre; None where some pitch is unknown.
    """

    names: tuple[str, ...]
    entry: Tensor
    root: Tensor
    key_range: tuple[int, int] | None


@dataclass(frozen=True)
class Axes:
    """Principal axes of the trained latents.

    Attributes:
        rows: `[axes, num_latent]`, orthonormal, largest variance first.
        low, high: `[axes]`, 1st and 99th percentile of the sounds along each, their mean removed.
        least, most: `[axes]`, where the outermost sounds are; mean: `[num_latent]`, of the sounds.
    """

    rows: Tensor
    low: Tensor
    high: Tensor
    least: Tensor
    most: Tensor
    mean: Tensor

    def move(self, latent: Tensor, offset: Tensor) -> Tensor:
        """Offset latents along the axes, no further than sounds lie on any of them.

        Beyond its sounds, a network makes noise. A latent that lies further out by itself stays.

        Args:
            latent: `[rows, num_latent]`; offset: `[rows, axes]`.
        """
        at = (latent - self.mean) @ self.rows.t()
        lowest, highest = torch.minimum(self.least, at), torch.maximum(self.most, at)
        moved = torch.minimum(torch.maximum(at + offset, lowest), highest)
        return latent + (moved - at) @ self.rows


def timbres_of(config: INRConfig) -> Timbres:
    """Group the sounds: those of one name with known pitch are one timbre, others stand alone."""
    count = config.sounds
    names = config.names or tuple(f"sound {i + 1}" for i in range(count))
    keys = config.keys or (-1.0,) * count
    groups: dict[str, list[int]] = {}
    for i, (name, key) in enumerate(zip(names, keys, strict=True)):
        known = key >= 0
        label = name if known else _free_name(name, groups)
        groups.setdefault(label, []).append(i)
    root = [key if key >= 0 else NEUTRAL_KEY for key in keys]
    entry = [
        [min(own, key=lambda i: abs(root[i] - key)) for key in range(KEYS)]
        for own in groups.values()
    ]
    ranges = [(min(root[i] for i in own), max(root[i] for i in own)) for own in groups.values()]
    low = max(round(low) - REACH for low, _ in ranges)
    high = min(round(high) + REACH for _, high in ranges)
    in_tune = all(key >= 0 for key in keys) and low <= high
    return Timbres(
        names=tuple(groups),
        entry=torch.tensor(entry),
        root=torch.tensor(root),
        key_range=(max(low, 0), min(high, KEYS - 1)) if in_tune else None,
    )


def principal_axes(latents: Tensor) -> Axes:
    """As many axes as carry 95 % of the variance, at most 8; none of one sound.

    Args:
        latents: `[sounds, num_latent]`.
    """
    mean = latents.double().mean(0)
    centred = latents.double() - mean
    _, spread, rows = torch.linalg.svd(centred, full_matrices=False)
    carried = spread.square().cumsum(0) / spread.square().sum().clamp_min(1e-300)
    count = min(int((carried < VARIANCE).sum()) + 1, MAX_AXES)
    # What is left of no variance at all is rounding, and no axis.
    count = min(count, int((spread > 1e-6 * centred.norm().clamp_min(1e-30)).sum()))
    rows = rows[:count]
    if not count:
        none = torch.zeros(0)
        return Axes(rows.float(), none, none, none, none, mean.float())
    # An axis has no sign of its own: the largest of its coordinates is made positive.
    largest = rows.gather(1, rows.abs().argmax(1, keepdim=True))
    rows = rows * torch.sign(largest)
    along = centred @ rows.t()
    ends = torch.quantile(along, torch.tensor(PERCENTILES, dtype=torch.float64), dim=0)
    found = (rows, ends[0], ends[1], along.amin(0), along.amax(0), mean)
    return Axes(*(tensor.float().contiguous() for tensor in found))


def _free_name(name: str, taken: dict[str, list[int]]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} {number}"
    return free
