"""Checkpoints: all that a run needs to resume exactly, and the search for the newest whole one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from synth.contract import ConfigError, ModelFileError
from synth.contract.errors import one_line
from synth.models.package import read_tensors
from training.run.files import save_tensors

FORMAT = 1
KEPT = 2
BEST = "best.pt"


@dataclass(frozen=True)
class Checkpoint:
    """A run after `step` steps.

    Attributes:
        step: steps done.
        family: key of the table of families.
        model, training: configs as plain data.
        data: fingerprint of the recordings, see `Library.is_known_as`.
        weights: state dictionary of the model; optimizer: that of the optimiser.
        best: lowest score of an evaluation so far, infinite before the first one.
        unimproved: number of evaluations since then.
        extra: further state that the task depends on.
        legs: of the run's `Pace`; empty in files of a run that had one number of steps.
    """

    step: int
    family: str
    model: dict[str, Any]
    training: dict[str, Any]
    data: str
    weights: dict[str, Tensor]
    optimizer: dict[str, Any]
    best: float = float("inf")
    unimproved: int = 0
    extra: dict[str, Any] = field(default_factory=dict)
    legs: tuple[tuple[int, int], ...] = ()


_KINDS: dict[str, Any] = {
    "step": int, "family": str, "model": dict, "training": dict, "data": str, "weights": dict,
    "optimizer": dict, "best": float | int, "unimproved": int, "extra": dict,
    "legs": tuple,
}  # fmt: skip


def save_checkpoint(folder: Path, checkpoint: Checkpoint, keep: int = KEPT) -> Path:
    """Write `step-<n>.pt` atomically and delete all but the newest ones; returns its path.

    Args:
        folder: of the run's checkpoints; it exists.
        checkpoint: the run's state.
        keep: number of checkpoints that stay, 0: all.

    Raises:
        DataError: no room; older checkpoints are untouched.
    """
    path = folder / _name(checkpoint.step)
    save_tensors(path, {"format": FORMAT, **vars(checkpoint)})
    for old in _numbered(folder)[keep:] if keep else []:
        old.unlink(missing_ok=True)
    return path


def load_newest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest readable checkpoint or None, and a complaint about each newer one that isn't."""
    complaints: list[str] = []
    for path in _numbered(folder):
        try:
            return load_checkpoint(path), complaints
        except ModelFileError as error:
            complaints.append(str(error))
    return None, complaints


def load_checkpoint(path: Path) -> Checkpoint:
    """Read one checkpoint without executing anything in it.

    Raises:
        ModelFileError: the file is truncated, foreign, or of another format.
    """
    try:
        with path.open("rb") as file:
            return _checkpoint(read_tensors(file))
    except (ModelFileError, OSError, TypeError) as error:
        raise ModelFileError(
            f"{path}: not a readable checkpoint ({one_line(error, 100)})"
        ) from None


def _checkpoint(data: Any) -> Checkpoint:
    """The checkpoint in what was read; raises `ModelFileError` or `TypeError` where it is none."""
    form = data.pop("format", None) if isinstance(data, dict) else None
    if not isinstance(form, int) or form != FORMAT:
        raise ModelFileError(f"checkpoint format {form!r:.20}; {FORMAT} is known here")
    if not all(isinstance(name, str) for name in data):
        raise ModelFileError("damaged names")
    found = Checkpoint(**data)
    for name, kind in _KINDS.items():
        value = getattr(found, name)
        if not isinstance(value, kind):
            raise ModelFileError(f"{name} is {value!r:.40}")
    for name, tensor in found.weights.items():
        if not torch.is_tensor(tensor):
            raise ModelFileError(f"{name!r:.40} in the weights is {tensor!r:.40}")
    return found


def require_same_run(
    checkpoint: Checkpoint,
    family: str,
    model: Mapping[str, Any],
    training: Mapping[str, Any],
    resumable: Collection[str],
) -> None:
    """Refuse to resume a run with settings that would change its steps.

    Args:
        checkpoint: of the run to resume.
        family: key of the table of families.
        model, training: configs now, as plain data.
        resumable: names of the settings that may differ.

    Raises:
        ConfigError: another family, or another setting; the message names the first one.
    """
    if family != checkpoint.family:
        raise ConfigError(f"family is {family}; the run to resume trains {checkpoint.family}")
    changed = [
        (name, value, old.get(name))
        for new, old in ((model, checkpoint.model), (training, checkpoint.training))
        for name, value in new.items()
        # Settings that are newer than the checkpoint had their defaults then.
        if name in old and value != old[name] and name not in resumable
    ]
    if changed:
        name, value, was = changed[0]
        raise ConfigError(
            f"{name} is {value}, but the run to resume has {was}; leave it out or choose another"
            " --out"
        )


def damaged(step: int, error: Exception) -> ModelFileError:
    """The error to raise for a checkpoint that was read, but doesn't fit its run.

    Args:
        step: of the checkpoint; error: what came of its use.
    """
    return ModelFileError(
        f"the checkpoint of step {step} is damaged ({one_line(error, 100)}); delete"
        f" {_name(step)} to go on from the one before"
    )


def restore_optimizer(
    optimizer: torch.optim.Optimizer, state: dict[str, Any], step: int
) -> torch.optim.Optimizer:
    """The optimiser as a checkpoint left it.

    Args:
        optimizer: fresh, of the same parameters; state: its state dictionary.
        step: of the checkpoint.

    Raises:
        ModelFileError: the state doesn't fit the parameters.
    """
    try:
        optimizer.load_state_dict(state)
        for parameter, about in optimizer.state.items():
            for name, value in about.items():
                if torch.is_tensor(value) and value.dim() and value.shape != parameter.shape:
                    raise ValueError(f"{name} has shape {tuple(value.shape)}")
    except Exception as error:  # noqa: BLE001 - damaged data may lead anywhere
        raise damaged(step, error) from None
    return optimizer


def _name(step: int) -> str:
    return f"step-{step:09d}.pt"


def _numbered(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*.pt"), reverse=True)
