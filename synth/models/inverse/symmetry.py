"""Swaps of parameters that leave the sound as it is, as permutations of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from synth.contract import ConfigError


def orbit(names: Sequence[str], swaps: Sequence[Mapping[str, str]]) -> Tensor:
    """All permutations that swaps make, one after the other, in any number and order.

    Args:
        names: of the parameters, in the order of columns.
        swaps: each says which parameters change places, `{one: other}`; naming a pair once or in
            both directions is the same.

    Returns:
        int64 `[permutations, parameters]`: the columns to take, `units[:, permutation]`; the first
        one leaves everything in place.

    Raises:
        ConfigError: a swap names something that is no parameter.
    """
    place = {name: i for i, name in enumerate(names)}
    generators = []
    for swap in swaps:
        columns = list(range(len(names)))
        for one, other in swap.items():
            for name in (one, other):
                if name not in place:
                    raise ConfigError(f"a symmetry names {name!r}, which is no parameter")
            columns[place[one]], columns[place[other]] = place[other], place[one]
        generators.append(columns)
    found = [tuple(range(len(names)))]
    for permutation in found:  # grows while it is walked through
        for generator in generators:
            made = tuple(permutation[c] for c in generator)
            if made not in found:
                found.append(made)
    return torch.tensor(found)


def nearest(x: Tensor, target: Tensor, permutations: Tensor) -> Tensor:
    """The one among equivalent patches that lies nearest to something.

    Args:
        x: patches, `[batch, parameters]`.
        target: of the same shape.
        permutations: as `orbit` returns them.

    Returns:
        `[batch, parameters]`, each row permuted by the permutation that suits it best.
    """
    candidates = x[:, permutations]
    best = (candidates - target[:, None]).square().sum(-1).argmin(1)
    return candidates[torch.arange(len(x), device=x.device), best]
