"""Terms of a loss: what training descends is a weighted sum of named ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

Measure = TypeVar("Measure", bound=Callable[..., Tensor])


@dataclass(frozen=True)
class Term(Generic[Measure]):
    """`weight` times `measure(made, meant)`, a scalar, in the sum that is descended.

    Args:
        name: the column of metrics.csv that its value goes to, unweighted.
        weight: at least 0.
        measure: a function or a module; what it compares is the family's choice.
    """

    name: str
    weight: float
    measure: Measure
