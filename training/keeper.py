"""Everything that is kept of a run, written beside its steps."""

from __future__ import annotations

import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import lightning as L
import numpy as np
import torch
from rich.console import Console

import synth
from synth.contract import config_to_dict
from synth.models import FAMILIES
from synth.models.codec import Codec
from synth.models.package import pack
from training.checkpoint import BEST, Checkpoint, save_checkpoint
from training.evaluation import evaluate, write_evidence
from training.files import save_tensors
from training.latents import latent_statistics
from training.progress import Averages, Bar, Journal
from training.setup import Plan, data_summary
from training.stopping import StopWish
from training.task import CodecTask, learning_rate_at

HELD_OUT = ("held_out_mel_db", "held_out_si_sdr_db", "held_out_used_codes")


class Keeper(L.Callback):
    """Everything that is kept of a run: rows, checkpoints, evaluations, `model.pt`."""

    def __init__(
        self,
        plan: Plan,
        out: Path,
        task: CodecTask,
        wish: StopWish,
        console: Console,
        found: Checkpoint | None,
    ) -> None:
        self._plan, self._out, self._task, self._wish = plan, out, task, wish
        self._console = console
        self._start = self._saved = found.step if found else 0
        self._best = found.best if found else float("inf")
        self._evaluated = -1
        self._figures: dict[str, float] = {}
        self._averages = Averages()
        self._bar: Bar | None = None
        self._journal: Journal | None = None
        self._optimizer: torch.optim.Optimizer | None = None

    def on_train_start(self, trainer: L.Trainer, task: L.LightningModule) -> None:
        self._wish.listen()
        self._optimizer = trainer.optimizers[0]
        if trainer.is_global_zero:
            size = sum(p.numel() for p in self._task.parameters())
            seconds = sum(c.frames for c in self._plan.learned) / self._plan.library.sample_rate
            self._say(
                f"{size} parameters, {seconds:.0f} s of audio to learn from, on"
                f" {self._task.device}, precision {trainer.precision}"
            )
            columns = (*(t.name for t in self._task.terms), "total", "stale", "learning_rate")
            self._journal = Journal(self._out, columns + HELD_OUT, self._start)
            total = self._plan.training.steps
            self._bar = Bar(self._start, total, self._console, self._console.quiet)

    def on_train_batch_end(
        self, trainer: L.Trainer, task: L.LightningModule, outputs: Any, batch: Any, index: int
    ) -> None:
        step, settings = self._task.step, self._plan.training
        stop = trainer.strategy.reduce_boolean_decision(bool(self._wish.name), all=False)
        if trainer.is_global_zero:
            self._averages.add(self._task.losses)
            if self._bar:
                self._bar.update(step)
            evaluating = step % settings.eval_every == 0
            if step % settings.log_every == 0 or evaluating:
                self._log(step, self._evaluate() if evaluating else {})
            if step % settings.save_every == 0 or stop:
                self._save()
        trainer.should_stop = stop

    def close(self) -> None:
        """Leave the terminal and the files in order, whatever happened."""
        if self._bar:
            self._bar.close()
        if self._journal:
            self._journal.close()

    def finish(self) -> None:
        """The last checkpoint and `model.pt`; tells where things are."""
        step, out = self._task.step, self._out
        if self._wish.name:
            self._write_model()
            self._say(f"{self._wish.name}: stopped after step {step}, saved; go on with --resume")
            return
        if self._evaluated != step:
            self._evaluate()
        if self._saved != step:
            self._save()
        self._say(f"done: {out / 'model.pt'}, held-out mel distance {self._mel_text()}")

    def _mel_text(self) -> str:
        return f"{self._figures.get('held_out_mel_db', float('nan')):.2f} dB"

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _log(self, step: int, held_out: dict[str, float]) -> None:
        means = self._averages.take()
        if self._bar:
            self._bar.note(step, means)
        if self._journal:
            rate = learning_rate_at(step - 1, self._plan.training)
            self._journal.write(step, {**means, "learning_rate": rate, **held_out})

    def _evaluate(self) -> dict[str, float]:
        step, settings = self._task.step, self._plan.training
        model = self._plain_copy()
        evaluation = evaluate(model, self._plan.held_out, settings.eval_seconds)
        write_evidence(self._out, step, evaluation, self._plan.model.sample_rate)
        self._figures = {f"held_out_{k}": v for k, v in asdict(evaluation.figures).items()}
        self._evaluated = step
        package = self._write_model(model)
        better = evaluation.figures.mel_db < self._best
        if better:
            self._best = evaluation.figures.mel_db
            save_tensors(self._out / "checkpoints" / BEST, package)
        self._say(
            f"step {step}: held-out mel distance {self._mel_text()}, SI-SDR"
            f" {evaluation.figures.si_sdr_db:.1f} dB" + (" (best)" if better else "")
        )
        return self._figures

    def _write_model(self, model: Codec | None = None) -> dict[str, Any]:
        model = model or self._plain_copy()
        plan, step = self._plan, self._task.step
        latent = latent_statistics(model, plan.learned, plan.training.statistics_seconds)
        package = pack(
            plan.family, model, plan.model, latent, provenance(plan, step, self._figures)
        )
        save_tensors(self._out / "model.pt", package)
        return package

    def _plain_copy(self) -> Codec:
        """The model as it is now, uncompiled and in eval mode: nothing here disturbs training."""
        with torch.random.fork_rng(devices=[]):
            model = cast(Codec, FAMILIES[self._plan.family].build(self._plan.model))
        model.load_state_dict(self._task.model.state_dict())
        return model.to(self._task.device).eval()

    def _save(self) -> None:
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
        )
        save_checkpoint(self._out / "checkpoints", checkpoint)
        self._saved = self._task.step


def provenance(plan: Plan, step: int, figures: dict[str, float]) -> dict[str, Any]:
    """Where a model comes from, JSON-ready."""
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
