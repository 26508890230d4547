"""The trained sounds laid over the keyboard: which latent a key plays, and how far transposed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from synth.models.inr.config import INRConfig

KEYS = 128
NEUTRAL_KEY = 60.0  # plays a sound of unknown pitch as it is
REACH = 6  # keys beyond the lowest and the highest sound of a timbre that count as in tune


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


def _free_name(name: str, taken: dict[str, list[int]]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} {number}"
    return free
