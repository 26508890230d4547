"""Evaluations of a timbre space while it is trained, and what its finished model carries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synth.contract import write_bytes
from synth.models.latent_axes import separating_axes
from synth.models.timbre import Timbre, TimbreConfig
from training.run.review import Review, Say
from training.timbre.anchors import anchor_clips, fill_anchors
from training.timbre.arrange import make_deck, octave
from training.timbre.config import TimbrePlan, TimbreTrainConfig
from training.timbre.frames.material import labels_in, material
from training.timbre.learning.losses import divergence, negative_log_density
from training.timbre.monitor.evaluation import COLUMNS, Passed, figures, passed
from training.timbre.monitor.pictures import (
    draw_frames,
    draw_losses,
    draw_space,
    draw_statistics,
)
from training.timbre.shaping import perception

NAN = float("nan")
SHOWN_FRAMES = 16
STATISTICS_ROWS = 50_000
UNSHAPED = 1e9  # more than losses are


class TimbreReview(Review[Timbre, TimbreConfig, TimbreTrainConfig]):
    """Figures on held-out notes; pictures; anchors and statistics of latents for `model.pt`."""

    columns = COLUMNS

    def __init__(self, plan: TimbrePlan, out: Path, say: Say) -> None:
        super().__init__(plan, out, say)
        self._settings = plan.training
        batches = make_deck(plan, len(material(plan, plan.learned).joined)).batches
        two, s = all(self._settings.phases), self._settings
        self._turn = s.turn(s.steps) if two else 0
        self._behind = 0.0
        self._save_every = self._settings.save_epochs * batches

    def saves(self, step: int) -> bool:
        return step % self._save_every == 0

    def evaluate(self, model: Timbre, step: int) -> dict[str, float]:
        found = passed(model, material(self.plan, self.plan.held_out))
        self._draw(model, found, step)
        # The losses of the two phases have other terms: an evaluation is compared with those of its
        # own phase, and any of the second phase is better than all of the first.
        self._behind = UNSHAPED if step <= self._turn else 0.0
        return figures(self.plan, found, shaped=not self._behind)

    def score(self, figures: dict[str, float]) -> float:
        return figures["held_out_loss"] + self._behind

    def headline(self, figures: dict[str, float]) -> str:
        return f"held-out loss {figures.get('held_out_loss', NAN):.4g}"

    def detail(self, figures: dict[str, float]) -> str:
        told = f"squared error {figures.get('held_out_reconstruction', NAN):.4g}"
        agreement = figures.get("held_out_rank_correlation")
        if agreement is None:
            return told
        return f"{told}, rank correlation with ratings {agreement:.3f}"

    def complete(self, model: Timbre) -> None:
        clips = self.plan.learned
        labels = labels_in(clips, self.plan.data, self.plan.library.sample_rate)
        fill_anchors(model, anchor_clips(self.plan.model, clips, labels))

    def told(self) -> dict[str, Any]:
        return {"perception": perception(self.plan)}

    def latent(self, model: Timbre) -> dict[str, Tensor]:
        found = material(self.plan, self.plan.learned)
        step = max(1, len(found.joined) // STATISTICS_ROWS)
        return separating_axes(found.means(model, step), found.classes[::step]).statistics()

    def _draw(self, model: Timbre, found: Passed, step: int) -> None:
        """Write the pictures that are asked for."""
        s, made = self._settings, {}
        if s.plot_reconstructions:
            made["reconstructions"] = self._frames(model, found)
        if s.plot_latentspace:
            made["space"] = self._space(found)
        if s.plot_statistics:
            names = self.plan.model.instruments
            classes = found.classes.numpy()
            made["latents"] = draw_statistics(found.mean.numpy(), found.std.numpy(), classes, names)
            made["losses"] = draw_losses(class_losses(found, len(names)), names)
        self.pictures = {}
        for name, picture in made.items():
            path = self.out / "plots" / f"{name}-{step:09d}.png"
            write_bytes(path, picture)
            self.pictures[name] = path

    def _frames(self, model: Timbre, found: Passed) -> bytes:
        rows = np.linspace(0, len(found.frames) - 1, min(SHOWN_FRAMES, len(found.frames)))
        rows = np.unique(rows.astype(np.int64))
        held = material(self.plan, self.plan.held_out)
        files = [self.plan.held_out[int(held.notes[found.place[i]])].source.stem for i in rows]
        offset, spread = float(model.offset), float(model.spread)
        real, made = ((t[rows] * spread + offset).numpy() for t in (found.frames, found.made))
        frequencies = model.frequencies.cpu().float().numpy()
        return draw_frames(frequencies, real, made, files, "held-out frames")

    def _space(self, found: Passed) -> bytes:
        held, config = material(self.plan, self.plan.held_out), self.plan.model
        rows = slice(None, None, max(1, -(-len(found.mean) // self._settings.plot_npoints)))
        axes = separating_axes(found.mean, found.classes).first(3)
        at = (found.mean[rows] - axes.mean) @ axes.rows.t()
        at = torch.nn.functional.pad(at, (0, 3 - at.shape[1]))
        index = found.place[rows]
        keys = held.keys[index].numpy()
        tasks = {
            "instrument": (found.classes[rows].numpy(), config.instruments),
            "octave": (np.array([octave(key) for key in keys]), ()),
            "pitch class": (keys % 12, ()),
            "dynamics": (held.dynamics[index].numpy(), config.dynamics),
        }
        return draw_space(at.numpy(), tasks)


def class_losses(found: Passed, classes: int) -> dict[str, np.ndarray[Any, Any]]:
    """Mean losses of each class by name, `[classes]`, NaN where it has no frame.

    Args:
        found: frames that went through a model; classes: number of them.
    """
    rows = {
        "negative log-density": negative_log_density(found.frames, found.made, found.spread),
        "squared error": (found.frames - found.made).square().sum(1),
        "divergence": divergence(found.mean, found.std),
    }
    return {
        name: np.array(
            [float(values[found.classes == n].mean()) for n in range(classes)], np.float32
        )
        for name, values in rows.items()
    }
