"""Evaluations of inverse synthesis while it is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from synth.contract import write_audio, write_bytes
from synth.models.inverse import Inverse, InverseConfig
from training.inverse.config import InversePlan, InverseTrainConfig
from training.inverse.learning.vicreg import vicreg
from training.inverse.monitor.evaluation import (
    CHUNK,
    Found,
    Targets,
    apart,
    find,
    held_out,
    ranks,
    recorded,
)
from training.match.distances import parameter_error
from training.measures.pictures import draw
from training.run.review import Review, Say

NAN = float("nan")
PROPOSALS = 5  # the head's and four of the flow's
SHOWN = 4  # sounds of an evaluation that are heard and drawn
SILENCE_S = 0.5
PATCHES = (
    "held_out_distance", "held_out_head_distance", "held_out_flow_distance",
    "held_out_other_distance", "held_out_head_error", "held_out_flow_error", "recorded_distance",
)  # fmt: skip
VICREG = ("held_out_rank", "held_out_loss", "held_out_spread")


class InverseReview(Review[Inverse, InverseConfig, InverseTrainConfig]):
    """Held-out sounds of the voice, and recordings where there are any: how far the patches that
    are found are from them, or how well embeddings tell them apart."""

    def __init__(self, plan: InversePlan, out: Path, say: Say) -> None:
        super().__init__(plan, out, say)
        self._patches = plan.training.stage == "patches"
        self.columns = PATCHES if self._patches else VICREG
        self._targets: Targets | None = None

    def saves(self, step: int) -> bool:
        return step % self.plan.training.save_every == 0

    def evaluate(self, model: Inverse, step: int) -> dict[str, float]:
        count = max(2, round(self.plan.training.eval_seconds / model.voice.seconds))
        self._targets = targets = self._targets or held_out(model.voice, count)
        if not self._patches:
            return self._compared(model, targets)
        found = find(model, targets, PROPOSALS)
        self._show(model, targets, found, "sounds", step)
        figures = self._judged(model, targets, found)
        if self.plan.held_out:
            recordings = recorded(model.voice, self.plan.held_out[:count])
            others = find(model, recordings, PROPOSALS)
            self._show(model, recordings, others, "recordings", step)
            figures["recorded_distance"] = float(others.distances.amin(1).median())
        return figures

    def score(self, figures: dict[str, float]) -> float:
        return figures[self.columns[0]]

    def headline(self, figures: dict[str, float]) -> str:
        value = figures.get(self.columns[0], NAN)
        if self._patches:
            return f"best of {PROPOSALS} proposals {value:.2f} dB off"
        return f"mean rank {value:.1f}"

    def detail(self, figures: dict[str, float]) -> str:
        if not self._patches:
            return f"spread {figures.get('held_out_spread', NAN):.3g}"
        told = (
            f"head {figures.get('held_out_head_distance', NAN):.2f} dB, one of the flow's"
            f" {figures.get('held_out_flow_distance', NAN):.2f} dB, another sound"
            f" {figures.get('held_out_other_distance', NAN):.2f} dB"
        )
        recordings = figures.get("recorded_distance")
        return told if recordings is None else f"{told}, recordings {recordings:.2f} dB"

    def _judged(self, model: Inverse, targets: Targets, found: Found) -> dict[str, float]:
        # The next sound stands for a random patch.
        others = apart(targets.audio.roll(1, 0), targets.audio, model.voice.sample_rate)
        head, flow = found.units[:, 0], found.units[:, 1]
        values = (
            found.distances.amin(1).median(),
            found.distances[:, 0].median(),
            found.distances[:, 1].median(),
            others.median(),
            parameter_error(head, targets.units, model.voice).mean(),
            parameter_error(flow, targets.units, model.voice).mean(),
        )
        return dict(zip(PATCHES, map(float, values), strict=False))

    @torch.inference_mode()
    def _compared(self, model: Inverse, targets: Targets) -> dict[str, float]:
        s, device = self.plan.training, next(model.parameters()).device
        parts = [model.embed(part.to(device)) for part in torch.split(targets.audio, CHUNK)]
        audio = model.projector(torch.cat(parts))
        parameters = model.projector(model.parameters_encoder(targets.units.to(device)))
        found = vicreg([audio, parameters])
        values = (
            ranks(audio, parameters).float().mean(),
            s.invariance * found.invariance
            + s.variance * found.variance
            + s.covariance * found.covariance,
            found.spread,
        )
        return dict(zip(VICREG, map(float, values), strict=True))

    def _show(self, model: Inverse, targets: Targets, found: Found, kind: str, step: int) -> None:
        """Write some sounds, each followed by the best that was found, and draw the first."""
        rate = model.voice.sample_rate
        silence = torch.zeros(round(SILENCE_S * rate))
        parts = []
        for meant, made in zip(targets.audio[:SHOWN], found.best[:SHOWN], strict=True):
            parts += [meant, silence, made, silence]
        write_audio(
            self.out / "audio" / f"{kind}-{step:09d}.wav", torch.cat(parts)[None].numpy(), rate
        )
        best = float(found.distances[0].min())
        meant, made = (np.asarray(t[:1]) for t in (targets.audio, found.best))
        path = self.out / "plots" / f"{kind}-{step:09d}.png"
        write_bytes(path, draw(meant, made, rate, f"{targets.names[0]}, {best:.2f} dB off"))
        self.pictures[kind] = path
