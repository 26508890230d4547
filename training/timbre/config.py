"""The settings of a run that trains a timbre space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from synth.contract import ConfigError, require_one_of, require_within
from training.run.config import TrainConfig

if TYPE_CHECKING:
    from synth.models.timbre import TimbreConfig
    from training.run.plan import Plan

REGULARIZATIONS = ("l2", "prior", "student", "gaussian", "none")
AUTO = "auto"  # becomes one of these when the instruments are known
TARGET_DIMS = ("all", "first", "maxvar", "minvar")
SCHEDULES = ("constant", "cosine")
AS_ACCELERATOR_SAYS = -2
LAST_FRAME = 1_000_000


@dataclass(frozen=True)
class TimbreTrainConfig(TrainConfig):
    """Settings beside those of every run.

    Args:
        steps: optimiser steps in all, 0: those of `epochs` and `twofold_epochs`.
        epochs: number of times that all frames are learned before the regularised phase of a
            two-fold run, or in all.
        twofold: learn without regularisation first, then with it; otherwise with it throughout.
        twofold_epochs: number of times that all frames are learned in the regularised phase.
        load: model.pt or checkpoint of an unregularised run; the run begins with its weights and
            consists of the regularised phase alone.
        frames: first frame of a note, one after the last, and the step between two, 1 if left out;
            frame 0 is the onset, and there are about 313 in a second.
        highest_octave: octave above which notes are left out; middle C begins octave 4.
        name: name of the run's folder under `saveroot`, where there is no --out; "": made of the
            data and the settings.
        saveroot: folder of runs without --out.
        regularization: what pulls distances in the space towards ratings: "l2", "prior",
            "student", "gaussian" or "none"; "auto": "l2" where at least two instruments are rated,
            otherwise "none".
        ratings: CSV of dissimilarities between instruments; "": those that come with synth.
        mds_dims: dimensions of the positions that the ratings are scaled to, 0: all latent ones if
            `target_dims` is "all", otherwise 3.
        target_dims: latent dimensions that are regularised: "all", the "first" `mds_dims`, or as
            many in which the posterior means vary most ("maxvar") or least ("minvar") when the
            regularised phase begins.
        beta: weight of the divergence from the prior.
        warmup_epochs: epochs in which `beta` grows from 0.
        alpha: weight of the regularisation.
        schedule: course of the learning rate in each phase: "constant", or "cosine", half a cosine
            down to `final_rate` of it.
        final_rate: share of the learning rate at the end of the schedule "cosine".
        save_epochs: epochs between checkpoints.
        cuda: index of the GPU, -1: the CPU, -2: as `accelerator` says.
        plot_reconstructions: draw frames and their reconstructions at each evaluation.
        plot_latentspace: draw the space at each evaluation.
        plot_statistics: draw the statistics of latents and of the losses of classes.
        plot_npoints: number of latents that are drawn.

    Raises:
        ConfigError: a value is out of its range, or two don't go together.
    """

    steps: int = 0
    epochs: int = 4_000
    twofold: bool = True
    twofold_epochs: int = 2_000
    load: str = ""
    batch_size: int = 64
    frames: tuple[int, ...] = (10, 25)
    highest_octave: int = 5
    name: str = ""
    saveroot: str = "results"
    held_out: float = 0.2
    regularization: str = AUTO
    ratings: str = ""
    mds_dims: int = 0
    target_dims: str = "all"
    beta: float = 1.0
    warmup_epochs: int = 100
    alpha: float = 1.0
    schedule: str = "cosine"
    final_rate: float = 0.02
    clip_norm: float = 1e4
    save_epochs: int = 1_000
    cuda: int = AS_ACCELERATOR_SAYS
    plot_reconstructions: bool = True
    plot_latentspace: bool = True
    plot_statistics: bool = True
    plot_npoints: int = 10_000

    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        **TrainConfig.RANGES,
        "steps": (0, 100_000_000),
        "epochs": (1, 100_000_000),
        "twofold_epochs": (1, 100_000_000),
        "highest_octave": (-1, 9),
        "mds_dims": (0, 512),
        "beta": (0.0, 1e6),
        "warmup_epochs": (0, 100_000_000),
        "alpha": (0.0, 1e6),
        "final_rate": (0.0, 1.0),
        "save_epochs": (1, 100_000_000),
        "cuda": (AS_ACCELERATOR_SAYS, 4_096),
        "plot_npoints": (1, 10_000_000),
    }
    RESUMABLE: ClassVar[frozenset[str]] = TrainConfig.RESUMABLE | {
        "save_epochs", "cuda", "plot_reconstructions", "plot_latentspace", "plot_statistics",
        "plot_npoints", "name", "saveroot",
    }  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        require_one_of("regularization", self.regularization, (AUTO, *REGULARIZATIONS))
        require_one_of("target_dims", self.target_dims, TARGET_DIMS)
        require_one_of("schedule", self.schedule, SCHEDULES)
        self._require_frames()
        if self.load and self.regularization == "none":
            raise ConfigError(
                "load begins a regularised phase, and regularization is none; choose one of"
                f" {', '.join(REGULARIZATIONS[:-1])}"
            )
        if self.load and not self.twofold:
            raise ConfigError(
                "load begins the second phase of twofold, which is off; leave one out"
            )

    def _require_frames(self) -> None:
        if len(self.frames) not in (2, 3):
            raise ConfigError(
                f"frames is {self.frames}; first and last are needed, as in 10,25, and perhaps a"
                " step, as in 0,700,8"
            )
        for number in self.frames:
            require_within("frames", number, 0, LAST_FRAME)
        first, stop, *step = self.frames
        if first >= stop or step == [0]:
            raise ConfigError(f"frames is {self.frames}; there is no frame in it, as in 10,25")

    @property
    def phases(self) -> tuple[int, int]:
        """Epochs without regularisation, then with it; a run without any has only the former."""
        if self.regularization == "none":
            return self.epochs, 0
        if not self.twofold:
            return 0, self.epochs
        return (0 if self.load else self.epochs), self.twofold_epochs

    def turn(self, steps: int) -> int:
        """The step, of `steps` in all, at which the regularised phase begins."""
        free, shaped = self.phases
        return round(steps * free / (free + shaped))

    @property
    def chosen_devices(self) -> int | list[int] | str:
        return [self.cuda] if self.cuda >= 0 else super().chosen_devices


TimbrePlan: TypeAlias = "Plan[TimbreConfig, TimbreTrainConfig]"


def run_folder(plan: TimbrePlan) -> Path:
    """The folder of a run without --out: `saveroot`/`name`."""
    settings, model = plan.training, plan.model
    if settings.name:
        return Path(settings.saveroot, settings.name)
    told = "+".join(model.conditioning) or "plain"
    data = Path(plan.data).resolve().name
    return Path(settings.saveroot, f"{data}-{told}-{model.latent_dims}d-{settings.regularization}")


# Settings of a run that belong to a preset of the model. "dafx" is the list of defaults itself.
PRESETS: dict[str, dict[str, Any]] = {
    "dafx": {},
    "live": {
        "frames": [0, 700, 8],
        "highest_octave": 9,
        "held_out": 0.1,
        "batch_size": 128,
        "learning_rate": 1e-3,
        "epochs": 30,
        "twofold_epochs": 15,
        "warmup_epochs": 2,
        "beta": 0.2,
        "alpha": 20.0,
        # The other axes stay free for what isn't the instrument, such as the course of a note.
        # Where all are pulled, held-out notes come back worse, and instruments lie no better.
        "target_dims": "first",
        "mds_dims": 8,
        "save_epochs": 1,
        "eval_every": 3_000,
    },
    "tiny": {"epochs": 20, "twofold_epochs": 10, "warmup_epochs": 2, "save_epochs": 10},
}
