"""The evaluations of a family beside the steps of its training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from torch import Tensor, nn

from training.run.config import TrainConfig
from training.run.plan import Plan
from training.run.progress import Logger

Say = Callable[[str], None]
NetworkT = TypeVar("NetworkT", bound=nn.Module)
ModelT = TypeVar("ModelT")
SettingsT = TypeVar("SettingsT", bound=TrainConfig)


class Review(Generic[NetworkT, ModelT, SettingsT]):
    """Base of the families' reviews. Only the first process of a run calls it.

    Args:
        plan: of the run; out: its folder.
        say: prints a line that stays.

    Attributes:
        columns: names of the held-out figures, in the order of metrics.csv.
        pictures: PNG files of the last evaluation, by a name that stays the same over a run.
    """

    columns: tuple[str, ...] = ()

    def __init__(self, plan: Plan[ModelT, SettingsT], out: Path, say: Say) -> None:
        self.plan, self.out, self.say = plan, out, say
        self.pictures: dict[str, Path] = {}

    def begin(self, training: dict[str, Any] | None, model: Callable[[], NetworkT]) -> None:
        """Prepare the run's folder, before the first step.

        Args:
            training: settings of the run that is resumed, else None.
            model: gives a copy of the model in eval mode.
        """

    def after_step(self, step: int, model: Callable[[], NetworkT]) -> None:
        """Look at the model after each step, when all is saved.

        Args:
            step: steps done; model: gives a copy of the model in eval mode.
        """

    @property
    def keeps_model(self) -> bool:
        """Whether the run writes a `model.pt`."""
        return True

    def loggers(self) -> tuple[Logger, ...]:
        """Loggers of figures beside metrics.csv and TensorBoard."""
        return ()

    def saves(self, step: int) -> bool:
        """Whether a checkpoint is due after so many steps."""
        raise NotImplementedError

    def evaluate(self, model: NetworkT, step: int) -> dict[str, float]:
        """Figures of `columns` on held-out audio; audio and pictures go to the run's folder.

        Args:
            model: a copy in eval mode; step: steps done.
        """
        raise NotImplementedError

    def score(self, figures: dict[str, float]) -> float:
        """The figure by which evaluations are compared; the lowest is the best."""
        raise NotImplementedError

    def headline(self, figures: dict[str, float]) -> str:
        """The score in words; `figures` may be empty."""
        raise NotImplementedError

    def detail(self, figures: dict[str, float]) -> str:
        """The other figures in words."""
        raise NotImplementedError

    def complete(self, model: NetworkT) -> None:
        """Give a model what `model.pt` carries beside its weights, before it is written.

        Args:
            model: a copy in eval mode, changed in place.
        """

    def told(self) -> dict[str, Any]:
        """Further facts, JSON-ready, that `model.pt` carries in its provenance."""
        return {}

    def latent(self, model: NetworkT) -> dict[str, Tensor]:
        """Statistics that `model.pt` carries for the export; empty where there are none."""
        return {}
