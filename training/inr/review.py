"""Evaluations of coordinate networks while they are trained: the sounds as they are by now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synth.contract import remove_leftovers
from synth.models.inr import INR, INRConfig
from synth.models.latent_axes import principal_axes
from training.data.library import Array
from training.inr.config import INRPlan, INRTrainConfig
from training.inr.decoding import decoded, encode_table
from training.inr.evidence import write_latents, write_originals, write_sounds, write_table
from training.inr.saturation import complaint, layer_shares
from training.inr.sounds import load_sounds
from training.measures.cdpam import CDPAMLoss
from training.measures.scale import Scale
from training.measures.upsampling import super_resolution
from training.run.progress import Logger
from training.run.review import Review, Say

NAN = float("nan")


class INRReview(Review[INR, INRConfig, INRTrainConfig]):
    """Errors of reconstructions; originals and reconstructions as audio and pictures; latents.

    `eval_mse`, `eval_stft` and, if it is part of the loss, `eval_cdpam` are those of `Scale`, over
    `eval_seconds` of sound; `eval_silence` is the `eval_mse` of silence. If `eval_upscale_ratio` is
    above 1, `eval_in_band` and `eval_above_db` judge the sounds that are written between their
    samples (`Resolution`).
    """

    def __init__(self, plan: INRPlan, out: Path, say: Say) -> None:
        super().__init__(plan, out, say)
        self._settings = plan.training
        self._complaint = ""
        self._scale: tuple[Scale, float] | None = None
        seconds = plan.model.audio_length / plan.model.sample_rate
        self._measured = self._spread(max(1, round(self._settings.eval_seconds / seconds)))
        self._shown = self._spread(self._settings.eval_samples)
        names = ["eval_mse", "eval_stft", "eval_silence"]
        names += ["eval_cdpam"] if self._settings.cdpam else []
        names += ["eval_in_band", "eval_above_db"] if self._settings.eval_upscale_ratio > 1 else []
        self.columns = tuple(names)

    @property
    def keeps_model(self) -> bool:
        return self._settings.save_model

    def loggers(self) -> tuple[Logger, ...]:
        settings = self._settings
        if not settings.wandb:
            return ()
        from training.run.wandb_logger import WandbLogger

        project, note = settings.wandb_project_name, settings.note
        return (WandbLogger(self.plan, self.out, project, note),)

    def begin(self, training: dict[str, Any] | None, model: Callable[[], INR]) -> None:
        self._complain(model())
        if self._settings.save_audio:
            sounds, rate = self._load(self._shown), self.plan.model.sample_rate
            write_originals(self.out / "audio", self._shown, sounds, rate)
        if self._settings.save_latents:
            folder = self.out / "latents"
            folder.mkdir(exist_ok=True)
            remove_leftovers(folder)
            write_table(folder, self.plan)

    def saves(self, step: int) -> bool:
        return step % self._settings.save_every == 0

    def evaluate(self, model: INR, step: int) -> dict[str, float]:
        self._encode(model)
        self._complain(model)
        if self._scale is None:
            self._scale = self._make_scale(model.latents.device)
        scale, silence = self._scale
        z = model.latents[self._measured]
        scores = scale.compare(lambda rows: decoded(model, z[rows]))
        figures = {"eval_mse": scores.mse, "eval_stft": scores.stft, "eval_silence": silence}
        if scores.cdpam is not None:
            figures["eval_cdpam"] = scores.cdpam
        if self._settings.save_latents:
            write_latents(self.out / "latents", model.latents, step)
        return {**figures, **self._look_closer(model, step)}

    def score(self, figures: dict[str, float]) -> float:
        return figures["eval_mse"]

    def headline(self, figures: dict[str, float]) -> str:
        return f"sum of squared errors {figures.get('eval_mse', NAN):.4g}"

    def detail(self, figures: dict[str, float]) -> str:
        share = figures.get("eval_mse", NAN) / max(figures.get("eval_silence", NAN), 1e-12)
        return f"{100 * share:.2f} % of silence"

    def latent(self, model: INR) -> dict[str, Tensor]:
        self._encode(model)
        return principal_axes(model.latents.cpu()).statistics()

    def _look_closer(self, model: INR, step: int) -> dict[str, float]:
        """Write the sounds that are shown; returns figures of them between their samples."""
        settings, ratio = self._settings, self._settings.eval_upscale_ratio
        self.pictures = {}
        writes = settings.save_audio or settings.save_audio_plots
        index = self._shown if writes or ratio > 1 else []
        if not index:
            return {}
        rows = settings.max_high_res_batch_size
        dense = decoded(model, model.latents[index], ratio=ratio, rows=rows)
        for row, meant, high in zip(index, self._load(index), dense.numpy(), strict=True):
            self.pictures |= write_sounds(self.out, self.plan, row, meant, high, step)
        if ratio == 1:
            return {}
        found = super_resolution(dense, torch.from_numpy(self._load(index, ratio)), ratio)
        return {"eval_in_band": found.in_band, "eval_above_db": found.above_db}

    def _make_scale(self, device: torch.device) -> tuple[Scale, float]:
        """The scale that compares sounds, and the squared error of silence."""
        meant = self._load(self._measured)
        seconds = self.plan.model.audio_length / self.plan.model.sample_rate
        cdpam = CDPAMLoss.installed(seconds) if self._settings.cdpam else None
        return Scale(meant, cdpam, device), float(np.square(meant).sum(1).mean())

    def _spread(self, count: int) -> list[int]:
        """At most `count` rows of the table, spread evenly, the same at every evaluation."""
        sounds = len(self.plan.learned)
        count = min(count, sounds)
        return [i * sounds // count for i in range(count)]

    def _load(self, index: list[int], oversample: int = 1) -> Array:
        clips = [self.plan.learned[i] for i in index]
        return load_sounds(clips, self.plan.model.audio_length, oversample)

    def _encode(self, model: INR) -> None:
        """Fill the table of an autoencoder with the latents that its encoder gives now."""
        if model.encoder is None:
            return
        rows = self._settings.max_high_res_batch_size
        for first in range(0, len(self.plan.learned), rows):
            index = list(range(first, min(first + rows, len(self.plan.learned))))
            encode_table(model, torch.from_numpy(self._load(index)), first)

    def _complain(self, model: INR) -> None:
        """Print what is wrong with the network, once as long as it stays the same."""
        found = complaint(layer_shares(model))
        if found and found != self._complaint:
            self.say(found)
        self._complaint = found
