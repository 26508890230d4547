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
    """Settings beside those of every run, of which `held_out` and `fast` can't be changed.

    Args:
        steps: optimiser steps in all, 0: those of `num_epochs` epochs.
        num_epochs: number of epochs, each of which goes once through all sounds.
        weight_decay: L2, added to the gradient of the network, but not to that of what maps latents
            or encodes sounds.
        clip_norm: largest norm of the whole gradient, 0: any.
        dataset_size: number of sounds that are learned, spread evenly over those found; 0: all.
        autoconfig: use the learning rate and omegas that are known to suit architecture and data.
        tune: search the two omegas first.
        tune_steps: steps for which `tune` trains its last pairs.
        use_gpu: use a GPU if there is one.
        use_multi_gpu: use all GPUs.
        double: compute in float64.
        latent_descent_steps: steps of a latent's descent within a step of training.
        latent_lr: rate of the latents' descent, whose k-th step has the rate latent_lr / k; 0.00001
            unless given where latents are joined to sine layers (`siren`, `pi-gan_concat_…`).
        second_order: whether the network's gradient goes through the latents' descent.
        samples_per_datapoint: points of a sound per step, at most all of them.
        sample_even: whether points lie on a comb with a random phase, otherwise anywhere.
        oversample: points per sample at which the sound, band-limited, is learned.
        mixtures: number of mixtures of two sounds for each sound of a step. A mixture is learned at
            the latent as far between theirs as its random proportions say; without mixtures a
            latent between two sounds gives noise.
        per_sample: weight of the squared error in the loss.
        deriv_per_sample: weight of the squared error of the slope in the loss.
        cdpam: weight of CDPAM, a perceptual distance, in the loss.
        multiscale_stft: weight of the spectral distance in the loss.
        optimizer: "adabelief" or "adam", both with L2 weight decay.
        schedule: course of the learning rate: "plateau", a twentieth less after a hundred epochs
            without progress; "cosine", half a cosine down to `final_rate` of it at the last step;
            "constant".
        final_rate: share of the learning rate at the end of the schedule "cosine".
        prog_weight_decay_factor: number by which the weight decay is divided every
            `prog_weight_decay_every` epochs.
        prog_weight_decay_every: epochs after which the weight decay is divided by
            `prog_weight_decay_factor`, 0: never.
        save_every: steps between checkpoints.
        save_audio_plots: draw sounds at each evaluation.
        save_latents: write the table of latents at each evaluation.
        save_audio: write sounds at each evaluation.
        save_model: whether the run writes a `model.pt`.
        eval_samples: number of sounds that are drawn and written at an evaluation.
        eval_seconds: seconds of sound that are measured at an evaluation.
        eval_upscale_ratio: factor by which the sounds that are written are denser than in training;
            above 1 they are written at both rates.
        max_high_res_batch_size: number of sounds that an evaluation decodes at a time.
        save_path: folder of a run without --out; "auto":
            results/<note_general>/<data>/<architecture>/<meta_architecture>.
        note_general: the first part of the folder of a run without --out, see `save_path`.
        note: tag of the run at Weights & Biases, and stored with it here.
        wandb: whether figures and pictures go to Weights & Biases too.
        wandb_project_name: project at Weights & Biases.

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
        """Raise `ConfigError` for losses that compare neighbours or spectra, which need a comb."""
        for name in ("deriv_per_sample", "cdpam", "multiscale_stft"):
            if getattr(self, name):
                raise ConfigError(
                    f"{name} is {getattr(self, name)} and sample_even is off; it needs points at"
                    " equal distances, set it to 0"
                )


INRPlan: TypeAlias = "Plan[INRConfig, INRTrainConfig]"


def run_folder(plan: INRPlan) -> Path:
    """The folder of a run without --out, as `save_path` says."""
    settings = plan.training
    if settings.save_path != "auto":
        return Path(settings.save_path)
    model, data = plan.model, Path(plan.data)
    name = data.stem if data.is_file() else data.resolve().name
    parts = (settings.note_general, name, model.architecture)
    folders = [re.sub(r"[^\w.+-]+", "_", part) for part in parts]
    return Path("results", *folders, model.meta_architecture)
