"""Measure training steps per second of a timbre space beside a plain eager loop.

    python bench/timbre_training.py NOTES [--preset live] [--steps 60] [--batch 64] [--threads 1]
                                    [--phase regularised] [--json FILE]

The plain loop is the straightforward implementation: a DataLoader over the frames in memory as
float32 with their conditions, the same model called as it is in fp32, the same losses, Adam of
torch.optim, and nothing that is computed twice. Beside it runs what `synth train timbre` runs: the
trainer of Lightning, callbacks, rows in metrics.csv, clipping. The two take turns, step by step, so
that other programs on the machine disturb both alike; medians are compared, of the clock's time and
of the processor's. Evaluations and checkpoints are left out of both.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from synth.models.timbre import Timbre
from training.planning import plan_run
from training.run.family import Span
from training.run.folder import open_folder
from training.run.keeper import Keeper
from training.run.stopping import StopWish
from training.run.trainer import build_task, fit, make_trainer
from training.timbre.config import TimbrePlan
from training.timbre.frames.material import material
from training.timbre.learning.losses import divergence, negative_log_density, sampled
from training.timbre.parts import TIMBRE
from training.timbre.shaping import make_shaping

WARM = 5


def plain_loop(plan: TimbrePlan, regularised: bool) -> Callable[[], None]:
    """One step of the plain loop."""
    found, settings = material(plan, plan.learned), plan.training
    model = Timbre(plan.model)
    bands = model.bands
    frames = (found.joined[:, :bands].float() - found.offset) / found.spread
    told = found.joined[:, bands:].float()
    loader = DataLoader(
        TensorDataset(frames, told, found.classes), settings.batch_size, shuffle=True,
        drop_last=True,
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    shaping = make_shaping(plan) if regularised else None
    pull = shaping(tuple(range(plan.model.latent_dims))) if shaping else None

    def batches() -> Iterator[list[Tensor]]:
        while True:
            yield from loader

    source = batches()

    def step() -> None:
        x, condition, classes = next(source)
        optimizer.zero_grad()
        mean, std = model.encode(x, condition)
        made = model.decode(sampled(mean, std), condition)
        lost = negative_log_density(x, *made).mean() + settings.beta * divergence(mean, std).mean()
        if pull is not None:
            lost = lost + settings.alpha * pull(mean, classes)
        lost.backward()
        optimizer.step()

    return step


class Turns:
    """The batches of our run; before each the plain loop takes a step. Both are timed."""

    def __init__(self, stream: Iterable[Any], plain: Callable[[], None]) -> None:
        self._stream, self._plain = stream, plain
        self.ours: list[Any] = []
        self.theirs: list[Any] = []

    def __iter__(self) -> Iterator[Any]:
        source, begun = iter(self._stream), _now()
        for batch in source:
            fetched = _now()
            self._plain()
            handed = _now()
            self.theirs.append(handed - fetched)
            yield batch
            # What the trainer does with a batch, until it asks for the next one, is a step of ours.
            asked = _now()
            self.ours.append(asked - handed + fetched - begun)
            begun = asked


def _now() -> Any:
    """Seconds by the clock and of the processor."""
    return np.array([time.perf_counter(), time.process_time()])


def measured(plan: TimbrePlan, regularised: bool, out: Path) -> Turns:
    """Times of our steps and of plain ones, taking turns."""
    console = Console(quiet=True)
    open_folder(plan, out, None, console)
    task = build_task(TIMBRE.task, plan)
    span = Span(0, plan.training.steps)
    turns = Turns(TIMBRE.stream(plan, span), plain_loop(plan, regularised))
    with StopWish() as wish:
        review = TIMBRE.review(plan, out, lambda text: None)
        review.evaluate = lambda model, step: dict.fromkeys(review.columns, 0.0)
        keeper = Keeper(plan, out, task, review, wish, console, None)
        try:
            fit(make_trainer(plan.training, keeper), task, turns)
        finally:
            keeper.close()
    return turns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notes", type=Path)
    parser.add_argument("--preset", default="live")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--phase", choices=["free", "regularised"], default="regularised")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    regularised = given.phase == "regularised"
    flags = {"steps": given.steps, "threads": given.threads, "eval_every": 10**6}
    flags |= {"batch_size": given.batch} if given.batch else {}
    flags |= {"twofold": False} if regularised else {"regularization": "none"}
    plan = plan_run("timbre", given.notes, preset=given.preset, flags=flags, cache=given.cache)
    with tempfile.TemporaryDirectory() as folder:
        turns = measured(plan, regularised, Path(folder) / "run")
    ours, theirs = (1e3 * np.median(t[WARM:], axis=0) for t in (turns.ours, turns.theirs))
    report = {
        "preset": given.preset, "phase": given.phase, "batch": plan.training.batch_size,
        "steps": given.steps, "threads": given.threads, "machine": platform.processor(),
        "parameters": sum(p.numel() for p in Timbre(plan.model).parameters()),
    }  # fmt: skip
    for place, kind in enumerate(("clock", "processor")):
        report[kind] = {
            "plain_ms": round(theirs[place], 2),
            "ours_ms": round(ours[place], 2),
            "times_faster": round(theirs[place] / ours[place], 2),
        }
    print(json.dumps(report, indent=2))
    if given.json:
        given.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
