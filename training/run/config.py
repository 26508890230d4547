"""The settings that every training run has, whatever the family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from synth.contract import require_one_of, require_within

PRECISIONS = ("auto", "32", "bf16-mixed")
ACCELERATORS = ("auto", "cpu", "gpu", "mps")


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a run; each family adds its own in a subclass.

    Args:
        steps: optimiser steps in all.
        batch_size: clips per step and device.
        seed: seed of weights, batches and the held-out split.
        learning_rate: the highest learning rate of the run.
        beta1: share that the optimiser's mean of the gradients keeps at a step.
        beta2: share that the optimiser's mean of the squared gradients keeps at a step.
        weight_decay: share by which AdamW shrinks the weights at a step, times the learning rate.
        clip_norm: largest norm of the whole gradient; a longer one is scaled down to it.
        held_out: share of the files that is kept for evaluation; of an only file, its end.
        eval_every: steps between evaluations; there is one after the last step in any case.
        log_every: steps between rows of losses.
        eval_seconds: seconds of held-out audio per evaluation.
        patience: number of evaluations in a row, none better than the best, after which the run
            ends; 0: never.
        keep_checkpoints: number of checkpoints, the newest, that stay in the folder, 0: all.
        precision: format of the products in a step: "32", "bf16-mixed", or "auto", which is
            bf16-mixed on a CPU that multiplies bfloat16 and 32 elsewhere.
        fast: compute a step in the way that suits the device, not layer by layer.
        accelerator: where it is computed: "cpu", "gpu", "mps" or "auto", the fastest there is.
        devices: number of accelerators on each node, 0: all.
        nodes: number of machines.
        threads: number of threads of torch on the CPU, 0: torch's own choice.
        licence: licence of the recordings, which is stored with the model.

    The range of each number is in `RANGES`.

    Raises:
        ConfigError: a value is out of its range.
    """

    steps: int = 20_000
    batch_size: int = 16
    seed: int = 0
    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 0.0
    clip_norm: float = 1.0
    held_out: float = 0.05
    eval_every: int = 1_000
    log_every: int = 50
    eval_seconds: float = 20.0
    patience: int = 0
    keep_checkpoints: int = 2
    precision: str = "auto"
    fast: bool = True
    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    threads: int = 0
    licence: str = ""

    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        "steps": (1, 100_000_000),
        "batch_size": (1, 4096),
        "seed": (0, 2**31 - 1),
        "learning_rate": (0.0, 1.0),
        "beta1": (0.0, 0.9999),
        "beta2": (0.0, 0.99999),
        "weight_decay": (0.0, 10.0),
        "clip_norm": (1e-6, 1e6),
        "held_out": (0.001, 0.9),
        "eval_every": (1, 100_000_000),
        "log_every": (1, 1_000_000),
        "eval_seconds": (0.1, 3600.0),
        "patience": (0, 1_000_000),
        "keep_checkpoints": (0, 1_000_000),
        "devices": (0, 4096),
        "nodes": (1, 4096),
        "threads": (0, 1024),
    }
    # Settings that may differ from those of the run that is resumed. None of them changes the steps
    # still to come, except `steps`, over which the rest of every schedule is spread (`Pace`).
    RESUMABLE: ClassVar[frozenset[str]] = frozenset(
        {
            "steps", "eval_every", "log_every", "eval_seconds", "patience", "keep_checkpoints",
            "accelerator", "threads", "licence",
        }
    )  # fmt: skip

    @property
    def chosen_devices(self) -> int | list[int] | str:
        """The accelerators as Lightning takes them: a number, some by index, or "auto"."""
        return self.devices or "auto"

    def __post_init__(self) -> None:
        for name, (low, high) in self.RANGES.items():
            require_within(name, getattr(self, name), low, high)
        require_one_of("precision", self.precision, PRECISIONS)
        require_one_of("accelerator", self.accelerator, ACCELERATORS)
