"""Weights & Biases as a further logger; its package is imported only when it is asked for."""

from __future__ import annotations

import importlib
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synth.contract import ConfigError, write_bytes
from synth.contract.errors import one_line
from training.run.plan import AnyPlan, plan_as_dict

ID_FILE = "wandb-run.txt"
TAG_LENGTH = 64  # the longest that W&B takes


class WandbLogger:
    """A run of W&B beside a run's folder; a resumed run continues its own.

    W&B's environment variables apply: WANDB_MODE=offline sends nothing, WANDB_API_KEY names the
    account.

    Args:
        plan: whose settings are stored with the run.
        folder: of the run, where W&B keeps its files too.
        project: name of the project at W&B.
        note: a tag to filter runs by, cut at 64 characters.

    Raises:
        ConfigError: the package is not installed, or W&B refuses.
    """

    def __init__(self, plan: AnyPlan, folder: Path, project: str, note: str) -> None:
        self._wandb = wandb = import_wandb()
        try:
            self._run = wandb.init(
                project=project, name=folder.name, tags=[note[:TAG_LENGTH]],
                config=plan_as_dict(plan), dir=str(folder), id=_run_id(folder), resume="allow",
            )  # fmt: skip
        except wandb.errors.Error as error:
            raise ConfigError(
                f"wandb: {one_line(error, 200)}; log in with `wandb login`, set"
                " WANDB_MODE=offline, or leave out --wandb"
            ) from None

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """Send the figures of a step."""
        self._run.log(dict(figures), step=step)

    def show(self, step: int, pictures: Mapping[str, Path]) -> None:
        """Send the pictures of a step, PNG files by name."""
        images = {name: self._wandb.Image(str(path)) for name, path in pictures.items()}
        self._run.log(images, step=step)

    def close(self) -> None:
        """Send what is left and end the run at W&B."""
        self._run.finish()


def import_wandb() -> Any:
    """The package wandb. Raises `ConfigError` where it is not installed."""
    try:
        return importlib.import_module("wandb")
    except ModuleNotFoundError as error:
        if error.name != "wandb":
            raise
        raise ConfigError(
            "wandb asks for the package wandb, which is not installed; install it:"
            " pip install wandb, or leave out --wandb"
        ) from None


def _run_id(folder: Path) -> str:
    """The run's name at W&B, the same for all parts of a run that is stopped and resumed."""
    file = folder / ID_FILE
    if not file.exists():
        write_bytes(file, uuid.uuid4().hex[:16].encode())
    return file.read_text("utf-8").strip()
