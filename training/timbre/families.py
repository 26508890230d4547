"""Families of instruments: is what lies nearest in a space akin?

The families are classes of von Hornbostel, Sachs 1914, Systematik der Musikinstrumente:
chordophones (3), lip-vibrated aerophones (423), and edge-blown and reed aerophones (421, 422); in
an orchestra's words strings with the piano, brass, and woodwinds. So each of the twelve has kin.

People group by sound, not by what sets it going. So the instruments that people rated nearest are
reported beside.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from training.timbre.aliases import canonical
from training.timbre.measures import centroids
from training.timbre.ratings import Ratings

FAMILIES: dict[str, tuple[str, ...]] = {
    "strings": ("Piano", "Violin", "Violoncello"),
    "brass": ("French-Horn", "Tenor-Trombone", "Trumpet-C"),
    "woodwinds": ("Alto-Sax", "Bassoon", "Clarinet-Bb", "English-Horn", "Flute", "Oboe"),
}
_FAMILY_OF = {name: family for family, names in FAMILIES.items() for name in names}


def family_of(instrument: str) -> str:
    """The family of an instrument under any of its names; "" where it is none of the twelve."""
    return _FAMILY_OF.get(canonical(instrument), "")


class Nearest(NamedTuple):
    """Where an instrument lies among others.

    Attributes:
        instrument: its name.
        order: the others, the nearest first, by the distance of mean latents.
        shares: of the instrument's rows, by the family of the mean latent that is nearest to each.
        rated: the others that have ratings with it, those rated nearest first.
    """

    instrument: str
    order: tuple[str, ...]
    shares: dict[str, float]
    rated: tuple[str, ...]

    @property
    def is_akin(self) -> bool:
        """Whether the nearest is of the same family."""
        return family_of(self.order[0]) == family_of(self.instrument) != ""

    @property
    def rank(self) -> int | None:
        """Place of the nearest among those rated nearest, 1 being the first; None: unrated."""
        return self.rated.index(self.order[0]) + 1 if self.order[0] in self.rated else None


def nearest(
    instrument: str,
    projected: Tensor,
    latents: Tensor,
    classes: Tensor,
    names: Sequence[str],
    ratings: Ratings,
) -> Nearest:
    """Where an instrument's latents lie among those of others.

    Args:
        instrument: its name; a class that is the same instrument is left out.
        projected: its latents, `[rows, dims]`.
        latents, classes: of the others, `[other rows, dims]` and int64 `[other rows]`.
        names: of the classes.
        ratings: of any instruments; found by name.
    """
    own = canonical(instrument)
    means = centroids(latents, classes, len(names))
    others = [
        n for n, name in enumerate(names) if canonical(name) != own and not means[n].isnan().any()
    ]
    apart = (means[others] - projected.mean(0)).norm(dim=1)
    order = tuple(names[others[n]] for n in torch.argsort(apart, stable=True).tolist())
    votes = torch.cdist(projected, means[others]).argmin(1)
    shares: dict[str, float] = {}
    for vote, count in Counter(votes.tolist()).items():
        family = family_of(names[others[vote]])
        shares[family] = shares.get(family, 0.0) + count / len(projected)
    return Nearest(instrument, order, shares, _rated_nearest(own, order, ratings))


def _rated_nearest(own: str, names: Sequence[str], ratings: Ratings) -> tuple[str, ...]:
    known = {canonical(name): number for number, name in enumerate(ratings.names)}
    if own not in known:
        return ()
    row, counts = ratings.mean[known[own]], ratings.count[known[own]]
    rated = [name for name in names if counts[known.get(canonical(name), known[own])] > 0]
    return tuple(sorted(rated, key=lambda name: float(np.asarray(row)[known[canonical(name)]])))
