"""What a family looks at, and writes down, beside the steps of its training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from training.run.plan import Plan
from training.run.progress import Logger

Say = Callable[[str], None]


class Review:
    """Base of the families' reviews. Only the first process of a run has one.

    Args:
        plan: of the run; out: its folder; say: prints a line that stays.

    Attributes:
        columns: names of the held-out figures, in the order of metrics.csv.
    """

    columns: tuple[str, ...] = ()

    def __init__(self, plan: Plan, out: Path, say: Say) -> None:
        self.plan, self.out, self.say = plan, out, say

    def begin(self, training: dict[str, Any] | None, model: Callable[[], nn.Module]) -> None:
        """Before the first step.

        Args:
            training: settings of the run that is resumed, else None.
            model: gives a copy of the model in eval mode.
        """

    def after_step(self, step: int, model: Callable[[], nn.Module]) -> None:
        """After each step, when all is saved; `model()` is a copy of the model in eval mode."""

    @property
    def keeps_model(self) -> bool:
        """Whether there is to be a `model.pt`."""
        return True

    def loggers(self) -> tuple[Logger, ...]:
        """Where figures go beside metrics.csv and TensorBoard."""
        return ()

    def saves(self, step: int) -> bool:
        """Whether a checkpoint is due."""
        raise NotImplementedError

    def evaluate(self, model: nn.Module, step: int) -> dict[str, float]:
        """Figures of `columns` on held-out audio; evidence of them goes to the run's folder."""
        raise NotImplementedError

    def score(self, figures: dict[str, float]) -> float:
        """What the best checkpoint has least of."""
        raise NotImplementedError

    def headline(self, figures: dict[str, float]) -> str:
        """The score in words; `figures` may be empty."""
        raise NotImplementedError

    def detail(self, figures: dict[str, float]) -> str:
        """The other figures in words."""
        raise NotImplementedError

    def latent(self, model: nn.Module) -> dict[str, Tensor]:
        """Statistics that `model.pt` carries for the export; empty where there are none."""
        return {}
