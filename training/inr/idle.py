"""Settings that change nothing beside the others of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from training.inr.config import INRTrainConfig

if TYPE_CHECKING:
    from synth.models.inr import INRConfig


def idle_settings(model: INRConfig, settings: INRTrainConfig) -> Mapping[str, str]:
    """Names of the settings that change nothing, and why.

    Args:
        model, settings: configs of the model and of the run.
    """
    return dict([*_of_model(model), *_of_latents(model, settings), *_of_run(model, settings)])


def _of_model(model: INRConfig) -> Iterator[tuple[str, str]]:
    row = model.row
    if not row.omegas:
        for name in ("first_omega_0", "hidden_omega_0"):
            yield name, f"{model.architecture} has no omegas"
    if row.weight_norm:
        yield "weight_norm", f"{model.architecture} always has it"


def _of_latents(model: INRConfig, settings: INRTrainConfig) -> Iterator[tuple[str, str]]:
    if model.meta_architecture == "autoencoder":
        for name in ("latent_lr", "latent_descent_steps", "second_order", "latent_init_std"):
            yield name, "the encoder of an autoencoder makes the latents"
    elif settings.latent_descent_steps == 1:
        yield "second_order", "latent_descent_steps is 1"


def _of_run(model: INRConfig, settings: INRTrainConfig) -> Iterator[tuple[str, str]]:
    if settings.autoconfig and model.architecture.startswith("pi-gan"):
        for name in ("first_omega_0", "hidden_omega_0", "learning_rate"):
            yield name, "autoconfig sets it"
    if settings.tune:
        for name in ("first_omega_0", "hidden_omega_0"):
            yield name, "tune searches it"
    else:
        yield "tune_steps", "tune is off"
    if not settings.prog_weight_decay_every:
        yield "prog_weight_decay_factor", "prog_weight_decay_every is 0"
    elif not settings.weight_decay:
        for name in ("prog_weight_decay_factor", "prog_weight_decay_every"):
            yield name, "weight_decay is 0"
    if settings.schedule != "cosine":
        yield "final_rate", f"schedule is {settings.schedule}"
    if not settings.wandb:
        yield "wandb_project_name", "wandb is off"
    if settings.double:
        yield "precision", "double computes in float64"
    if settings.use_multi_gpu:
        yield "devices", "use_multi_gpu takes all of them"
    if not settings.use_gpu:
        yield "accelerator", "use_gpu is off"
    if settings.save_path != "auto":
        yield "note_general", "save_path names the folder"
    if not model.widths:
        yield "sample_even", f"{model.architecture} makes all samples at once"
