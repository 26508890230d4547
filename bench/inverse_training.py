"""Measure training steps per second of inverse synthesis beside a loop that renders in turn.

    python bench/inverse_training.py [--preset live] [--steps 40] [--plain-steps 10] [--threads 1]
                                     [--workers 1] [--json FILE]

The plain loop is the straightforward implementation: at each step it renders a whole batch of fresh
sounds, analyses them, and learns from them in fp32, with the same model, losses and AdamW. Beside
it run, one after the other, what `synth train inverse` runs with every sound learned once, and with
its defaults, by which a sound is learned several times: rendering ahead in other processes, bf16
where the processor multiplies it, the trainer of Lightning, the average of weights. Steps before
the pace is steady aren't counted.

Wall time is right on an idle machine only. Processor time hardly depends on what else runs: of the
process that learns and of those that render, it gives the pace of a machine with a core for each.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import lightning as L
import psutil
import torch

from synth.models.inverse import Inverse
from synth.models.inverse.voices.sounds import numbers_of
from training.inverse.config import InversePlan
from training.inverse.learning.task import PatchesTask
from training.inverse.parts import INVERSE
from training.inverse.sounds.rendering import Renderer
from training.planning import plan_run
from training.run.family import Span
from training.run.trainer import build_task, fit, make_trainer

BEYOND = 64  # steps for which sounds would go on to be rendered, so that none rests at the end


class Moment(NamedTuple):
    """Seconds that have passed, and that processors have worked.

    Attributes:
        wall: passed; learner: worked in this process; renderers: in the ones that it began.
    """

    wall: float
    learner: float
    renderers: float


def now() -> Moment:
    """The moment, by clocks of which only differences count."""
    own = psutil.Process()
    spent = [child.cpu_times() for child in own.children()]
    return Moment(time.perf_counter(), time.process_time(), sum(t.user + t.system for t in spent))


def plain_moments(plan: InversePlan, steps: int) -> list[Moment]:
    """The beginning and the end of each step of the plain loop."""
    torch.manual_seed(0)
    task = PatchesTask(Inverse(plan.model), plan.training)
    renderer = Renderer(plan.model, audio=False)
    batch_size, rate = plan.training.batch_size, plan.training.learning_rate
    optimizer = torch.optim.AdamW([p for p in task.parameters() if p.requires_grad], lr=rate)
    ends = [now()]
    for step in range(steps):
        sounds = renderer(numbers_of("train", step * batch_size, batch_size))
        total, _ = task.measure(sounds._replace(gram=sounds.gram.float()))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        ends.append(now())
    return ends


class Clock(L.Callback):
    """Notes when each step ended, and ends the run.

    Args:
        steps: after which it does.
    """

    def __init__(self, steps: int) -> None:
        self.ends: list[Moment] = []
        self._steps = steps

    def on_train_batch_end(self, trainer: L.Trainer, *ignored: Any) -> None:
        self.ends.append(now())
        trainer.should_stop = len(self.ends) >= self._steps


def run_moments(plan: InversePlan, steps: int) -> list[Moment]:
    """The end of each step of a run."""
    clock, task = Clock(steps), build_task(INVERSE.task, plan)
    fit(make_trainer(plan.training, clock), task, INVERSE.stream(plan, Span(0, steps + BEYOND)))
    return clock.ends


def step_of(moments: list[Moment]) -> Moment:
    """Seconds of a step over the second half, when the sounds rendered ahead are used up."""
    half = moments[len(moments) // 2 :]
    begin, end = half[0], half[-1]
    return Moment(*((b - a) / (len(half) - 1) for a, b in zip(begin, end, strict=True)))


def ratios(found: dict[str, Moment], name: str, workers: int) -> dict[str, float]:
    """How many times as fast as the plain loop a run is, by either clock."""
    plain, run = found["plain"], found[name]
    longest = max(run.learner, run.renderers / max(1, workers))
    return {
        "wall": round(plain.wall / run.wall, 2),
        "processor": round(plain.learner / longest, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--preset", default="live")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--plain-steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    flags = {"threads": given.threads, "workers": given.workers, "stock": 1_024, "audible": False}
    plan: Any = plan_run("inverse", None, preset=given.preset, flags=flags)
    once = replace(plan, training=replace(plan.training, reuse=1))
    found = {
        "plain": step_of(plain_moments(plan, given.plain_steps)),
        "once": step_of(run_moments(once, given.steps)),
        "run": step_of(run_moments(plan, given.steps)),
    }
    report = {
        "machine": platform.processor() or platform.machine(),
        "batch": plan.training.batch_size,
        "reuse": plan.training.reuse,
        "steps_per_second": {name: round(1 / step.wall, 3) for name, step in found.items()},
        "processor_seconds_per_step": {
            name: {"learner": round(step.learner, 3), "renderers": round(step.renderers, 3)}
            for name, step in found.items()
        },
        "ratio": ratios(found, "run", given.workers),
        "ratio_with_each_sound_once": ratios(found, "once", given.workers),
    }
    print(json.dumps(report, indent=2))
    if given.json:
        given.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
