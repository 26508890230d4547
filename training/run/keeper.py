"""The records of a run, written beside its steps: rows, checkpoints, evaluations, the model."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from rich.console import Console
from torch import nn

import synth
from synth.contract import DataError, config_to_dict
from synth.models import FAMILIES
from synth.models.package import pack
from training.run.checkpoint import BEST, Checkpoint, save_checkpoint
from training.run.files import save_tensors
from training.run.plan import AnyPlan, data_summary
from training.run.progress import Averages, Bar, MetricsFile
from training.run.review import Review
from training.run.stopping import StopWish
from training.run.task import Task


class Keeper(L.Callback):
    """Writes rows, checkpoints, evaluations and `model.pt` of a run.

    Args:
        plan: of the run; out: its folder.
        task: what is trained; review: the family's evaluations.
        wish: whether a signal asks the run to stop.
        console: where lines for the user go.
        found: the checkpoint that the run goes on from, None for a fresh run.
    """

    def __init__(
        self,
        plan: AnyPlan,
        out: Path,
        task: Task,
        review: Review[Any, Any, Any],
        wish: StopWish,
        console: Console,
        found: Checkpoint | None,
    ) -> None:
        self._plan, self._out, self._task, self._wish = plan, out, task, wish
        self._console, self._found = console, found
        self._review = review
        self._start = self._saved = found.step if found else 0
        self._best = found.best if found else float("inf")
        self._unimproved = found.unimproved if found else 0
        self._figures: dict[str, float] = {}
        self._averages = Averages()
        self._bar: Bar | None = None
        self._journal: MetricsFile | None = None
        self._optimizer: torch.optim.Optimizer | None = None

    def on_train_start(self, trainer: L.Trainer, task: L.LightningModule) -> None:
        self._wish.listen()
        self._optimizer = trainer.optimizers[0]
        if trainer.is_global_zero:
            size = sum(p.numel() for p in self._task.parameters() if p.requires_grad)
            seconds = sum(c.frames for c in self._plan.learned) / self._plan.library.sample_rate
            source = f" {seconds:.0f} s of audio to learn from," if self._plan.learned else ""
            self._say(
                f"{size} parameters,{source} on {self._task.device}, precision {trainer.precision}"
            )
            before = self._found.training if self._found else None
            self._review.begin(before, self._plain_copy)
            columns = (*self._task.columns, "learning_rate", *self._review.columns)
            loggers = self._review.loggers()
            self._journal = MetricsFile(self._out, columns, self._start, loggers)
            total = self._plan.training.steps
            self._bar = Bar(self._start, total, self._console, self._console.quiet)

    def on_train_batch_end(
        self, trainer: L.Trainer, task: L.LightningModule, outputs: Any, batch: Any, index: int
    ) -> None:
        step, settings = self._task.step, self._plan.training
        due = step % settings.eval_every == 0
        evaluating = due or step == settings.steps
        if trainer.is_global_zero:
            self._averages.add(self._task.losses)
            if self._bar:
                self._bar.update(step)
            rate = self._task.rate  # before an evaluation may change it
            if step % settings.log_every == 0 or evaluating:
                self._log(step, rate, self._evaluate() if evaluating else {})
        if evaluating:
            # Only the first process evaluates; all of them follow its verdict.
            self._unimproved = trainer.strategy.broadcast(self._unimproved)
        if due:  # what comes at the end is out of turn
            self._task.judge(self._unimproved)
        stop = trainer.strategy.reduce_boolean_decision(bool(self._wish.name), all=False)
        if trainer.is_global_zero:
            if self._review.saves(step) or stop:
                self._save()
            if not stop:
                self._review.after_step(step, self._plain_copy)
        trainer.should_stop = stop or (evaluating and self._patience_is_over())

    def close(self) -> None:
        """Close the progress bar and the files, however the run ended."""
        if self._bar:
            self._bar.close()
        if self._journal:
            self._journal.close()

    def finish(self) -> None:
        """Write the last checkpoint and `model.pt`, and tell where they are."""
        step, out = self._task.step, self._out
        if self._bar:
            self._bar.close()
        if self._wish.name:
            if not self._averages.empty:
                self._log(step, self._task.rate, {})
            self._write_model()
            self._say(f"{self._wish.name}: stopped after step {step}, saved; go on with --resume")
            return
        if self._saved != step:
            self._save()
        if step < self._plan.training.steps:
            self._say(
                f"ended after step {step}: {self._unimproved} evaluations in a row were no better"
            )
        made = out / "model.pt" if self._review.keeps_model else out
        self._say(f"done: {made}, {self._review.headline(self._figures)}")

    def _patience_is_over(self) -> bool:
        return 0 < self._plan.training.patience <= self._unimproved

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _log(self, step: int, rate: float, held_out: dict[str, float]) -> None:
        means = self._averages.take()
        if self._bar:
            self._bar.note(step, means)
        if self._journal:
            self._journal.write(step, {**means, "learning_rate": rate, **held_out})

    def _evaluate(self) -> dict[str, float]:
        step, review = self._task.step, self._review
        self._require_finite()
        model = self._plain_copy()
        self._figures = review.evaluate(model, step)
        if self._journal:
            self._journal.show(step, review.pictures)
        package = self._write_model(model)
        score = review.score(self._figures)
        better = score < self._best
        self._unimproved = 0 if better else self._unimproved + 1
        if better:
            self._best = score
        if better and self._review.keeps_model:
            save_tensors(self._out / "checkpoints" / BEST, package)
        self._say(
            f"step {step}: {review.headline(self._figures)}, {review.detail(self._figures)}"
            + (" (best)" if better else "")
        )
        return self._figures

    def _write_model(self, model: nn.Module | None = None) -> dict[str, Any]:
        model = model or self._plain_copy()
        plan = self._plan
        self._review.complete(model)
        told = {**provenance(plan, self._task.step, self._figures), **self._review.told()}
        package = pack(plan.family, model, plan.model, self._review.latent(model), told)
        if self._review.keeps_model:
            save_tensors(self._out / "model.pt", package)
        return package

    def _plain_copy(self) -> nn.Module:
        """A copy of the model in eval mode, uncompiled, so that its use can't disturb training."""
        with torch.random.fork_rng(devices=[]):
            model = FAMILIES[self._plan.family].build(self._plan.model)
        model.load_state_dict(self._task.shown_weights())
        return model.to(self._task.device).eval()

    def _require_finite(self) -> None:
        """Raise `DataError` before weights that are not finite replace a usable file."""
        for name, tensor in self._task.model.state_dict().items():
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                raise DataError(
                    f"training diverged: after step {self._task.step} {name} holds values that are"
                    " not finite; the last good checkpoint is kept, start again with a smaller"
                    " learning_rate"
                )

    def _save(self) -> None:
        self._require_finite()
        if self._optimizer is None:
            return
        plan = self._plan
        checkpoint = Checkpoint(
            step=self._task.step,
            family=plan.family,
            model=config_to_dict(plan.model),
            training=config_to_dict(plan.training),
            data=plan.library.fingerprint(),
            weights=dict(self._task.model.state_dict()),
            optimizer=self._optimizer.state_dict(),
            best=self._best,
            unimproved=self._unimproved,
            extra=self._task.extra_state(),
            legs=self._task.pace.legs,
        )
        save_checkpoint(self._out / "checkpoints", checkpoint, plan.training.keep_checkpoints)
        self._saved = self._task.step


def provenance(plan: AnyPlan, step: int, figures: dict[str, float]) -> dict[str, Any]:
    """Data, settings, figures and library versions behind a model, JSON-ready.

    Args:
        plan: of the run; step: steps done.
        figures: of the last evaluation, by name.
    """
    return {
        "data": data_summary(plan),
        "licence": plan.training.licence,
        "training": config_to_dict(plan.training),
        "steps": step,
        "figures": figures,
        "versions": {
            "synth": synth.__version__,
            "torch": torch.__version__,
            "lightning": L.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }
