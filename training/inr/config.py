"""The settings of a run that trains coordinate networks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from synth.contract import ConfigError, require_one_of
from training.run.config import TrainConfig

if TYPE_CHECKING:
    from synth.models.inr import INRConfig
    from training.run.plan import Plan

OPTIMIZERS = ("adabelief", "adam")
SCHEDULES = ("plateau", "cosine", "constant")


@dataclass(frozen=True)
class INRTrainConfig(TrainConfig):
    """Beside the settings of every run (`held_out` and `fast` stay as they are):

    Args:
        steps: optimiser steps in all, 0: as many as `num_epochs` epochs have.
        num_epochs: an epoch goes once through all sounds.
        weight_decay: L2, added to the gradient of the network, not of what maps latents to it.
        clip_norm: largest norm of the whole gradient, 0: any.
        dataset_size: sounds that are learned, spread evenly over what is found; 0: all.
        autoconfig: learning rate and omegas that are known to suit architecture and data.
        tune, tune_steps: search the two omegas first; steps that the last ones of it are tried for.
        use_gpu, use_multi_gpu: one where there is one; all there are.
        double: float64 throughout.
        latent_descent_steps, latent_lr: of the descent of a latent within a step, the rate of its
            k-th step being latent_lr / k; second_order: the network learns through that descent.
        samples_per_datapoint: points of a sound per step, at most all of them.
        sample_even: points lie on a comb whose phase is drawn, else anywhere.
        oversample: points between two samples at which the sound, band-limited, is learned too.
        mixtures: of two sounds, in proportions that are drawn, learned at the latent as far between
            theirs; as many per sound of a step. Without them what lies between sounds is noise.
        per_sample, deriv_per_sample, cdpam, multiscale_stft: weights of the losses.
        optimizer: "adabelief" or "adam", both with L2 weight decay.
        schedule: of the learning rate: "plateau", a twentieth less when a hundred epochs brought
            nothing; "cosine", half of one down to `final_rate` of it at the last step; "constant".
        prog_weight_decay_factor, prog_weight_decay_every: weight decay is divided by the factor
            every so many epochs; 0: never.
        save_every: steps between checkpoints.
        save_audio_plots, save_latents, save_audio: what an evaluation leaves in the folder.
        save_model: whether there will be a `model.pt`.
        eval_samples: sounds that are drawn and written; eval_seconds: of sound that is measured.
        eval_upscale_ratio: how many times denser than in training sounds are written then, too.
        max_high_res_batch_size: sounds that are decoded at a time for it.
        save_path: folder of the run where --out names none; "auto":
            results/<note_general>/<data>/<architecture>/<meta_architecture>.
        note_general, note: the first is part of that path, the second is kept with the run.
        wandb, wandb_project_name: whether figures go to Weights & Biases too, and where.

    Raises:
        ConfigError: a value is out of its range, or two don't go together.
    """

    steps: int = 0
    num_epochs: int = 5001
    batch_size: int = 32
    learning_rate: float = 1e-5
    weight_decay: float = 1.0
    clip_norm: float = 0.0
    precision: str = "32"
    eval_every: int = 500
    eval_seconds: float = 32.0
    dataset_size: int = 128
    autoconfig: bool = False
    tune: bool = False
    tune_steps: int = 180
    use_gpu: bool = True
    use_multi_gpu: bool = False
    double: bool = False
    latent_descent_steps: int = 1
    latent_lr: float = 0.3
    second_order: bool = False
    samples_per_datapoint: int = 8000
    sample_even: bool = True
    oversample: int = 1
    mixtures: float = 0.0
    per_sample: float = 1.0
    deriv_per_sample: float = 0.0
    cdpam: float = 1.0
    multiscale_stft: float = 1.0
    optimizer: str = "adabelief"
    schedule: str = "plateau"
    final_rate: float = 0.01
    prog_weight_decay_factor: float = 0.0
    prog_weight_decay_every: int = 0
    save_every: int = 500
    save_audio_plots: bool = True
    save_latents: bool = True
    save_audio: bool = True
    save_model: bool = True
    eval_samples: int = 1
    eval_upscale_ratio: int = 1
    max_high_res_batch_size: int = 16
    save_path: str = "auto"
    note_general: str = "default"
    note: str = "default"
    wandb: bool = False
    wandb_project_name: str = "default"

    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        **TrainConfig.RANGES,
        "steps": (0, 100_000_000),
        "num_epochs": (1, 100_000_000),
        "clip_norm": (0.0, 1e12),
        "dataset_size": (0, 65_536),
        "tune_steps": (9, 1_000_000),
        "latent_descent_steps": (1, 1000),
        "latent_lr": (0.0, 1e6),
        "samples_per_datapoint": (2, 10_000_000),
        "oversample": (1, 64),
        "mixtures": (0.0, 4.0),
        "per_sample": (0.0, 1e6),
        "deriv_per_sample": (0.0, 1e6),
        "cdpam": (0.0, 1e6),
        "multiscale_stft": (0.0, 1e6),
        "final_rate": (0.0, 1.0),
        "prog_weight_decay_factor": (0.0, 1e6),
        "prog_weight_decay_every": (0, 100_000_000),
        "save_every": (1, 100_000_000),
        "eval_samples": (0, 65_536),
        "eval_upscale_ratio": (1, 64),
        "max_high_res_batch_size": (1, 4096),
    }
    RESUMABLE: ClassVar[frozenset[str]] = TrainConfig.RESUMABLE | {
        "num_epochs", "use_gpu", "save_every", "save_audio_plots", "save_latents", "save_audio",
        "save_model", "eval_samples", "eval_upscale_ratio", "max_high_res_batch_size", "save_path",
        "note_general", "note", "wandb", "wandb_project_name",
    }  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        require_one_of("optimizer", self.optimizer, OPTIMIZERS)
        require_one_of("schedule", self.schedule, SCHEDULES)
        if self.held_out != TrainConfig.held_out:
            raise ConfigError(f"held_out is {self.held_out}; every sound is learned, leave it out")
        if not self.fast:
            raise ConfigError("fast is False; a step is computed in one way only, leave it out")
        if self.double and self.precision not in ("auto", "32"):
            raise ConfigError(
                f"precision is {self.precision}, and double wants float64; leave one of them out"
            )
        if not any((self.per_sample, self.deriv_per_sample, self.cdpam, self.multiscale_stft)):
            raise ConfigError("every loss has weight 0; give per_sample or another one a weight")
        if not self.sample_even:
            self._require_even_losses_off()
        if self.tune and self.autoconfig:
            raise ConfigError("tune and autoconfig both set the omegas; leave one of them out")
        if self.tune and (self.devices, self.nodes, self.use_multi_gpu) != (1, 1, False):
            raise ConfigError(
                f"tune needs one device, got devices {self.devices}, nodes {self.nodes}; tune on"
                " one, then train with its omegas on all"
            )
        if self.prog_weight_decay_every and self.prog_weight_decay_factor < 1:
            raise ConfigError(
                f"prog_weight_decay_factor is {self.prog_weight_decay_factor}; 1 … 1000000 is"
                " allowed where prog_weight_decay_every is set"
            )

    def _require_even_losses_off(self) -> None:
        """What compares neighbours or spectra needs points at equal distances."""
        for name in ("deriv_per_sample", "cdpam", "multiscale_stft"):
            if getattr(self, name):
                raise ConfigError(
                    f"{name} is {getattr(self, name)} and sample_even is off; it needs points at"
                    " equal distances, set it to 0"
                )


INRPlan: TypeAlias = "Plan[INRConfig, INRTrainConfig]"


def run_folder(plan: INRPlan) -> Path:
    """Where a run goes that has no --out: what `save_path` says."""
    settings = plan.training
    if settings.save_path != "auto":
        return Path(settings.save_path)
    model, data = plan.model, Path(plan.data)
    name = data.stem if data.is_file() else data.resolve().name
    parts = (settings.note_general, name, model.architecture)
    folders = [re.sub(r"[^\w.+-]+", "_", part) for part in parts]
    return Path("results", *folders, model.meta_architecture)
