"""Checkpoints: all that a run needs to resume exactly, and the search for the newest whole one."""

from __future__ import annotations

import pickle
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from synth.contract import ConfigError, ModelFileError
from synth.contract.errors import one_line
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


def save_checkpoint(folder: Path, checkpoint: Checkpoint, keep: int = KEPT) -> Path:
    """Write `step-<n>.pt` atomically and delete all but the newest ones; returns its path.

    Args:
        folder: of the run's checkpoints; it exists.
        checkpoint: the run's state.
        keep: number of checkpoints that stay, 0: all.

    Raises:
        DataError: no room; older checkpoints are untouched.
    """
    path = folder / f"step-{checkpoint.step:09d}.pt"
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
            complaints.append(f"{error}; the one before it is used")
    return None, complaints


def load_checkpoint(path: Path) -> Checkpoint:
    """Read one checkpoint without executing anything in it.

    Raises:
        ModelFileError: the file is truncated, foreign, or of another format.
    """
    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
        form = data.pop("format")
        if form != FORMAT:
            raise ModelFileError(f"{path}: checkpoint format {form!r}; {FORMAT} is known here")
        return Checkpoint(**data)
    except (
        pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError, KeyError, TypeError,
        AttributeError,
    ) as error:  # fmt: skip
        raise ModelFileError(
            f"{path}: not a readable checkpoint ({one_line(error, 100)})"
        ) from None


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


def _numbered(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*.pt"), reverse=True)
