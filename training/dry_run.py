"""A run that is only described: settings, data, parameters and the measured cost of a step."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import lightning as L
import torch
import yaml

from training.families import TRAINING
from training.run.config import TrainConfig
from training.run.family import Span
from training.run.plan import AnyPlan, data_summary, plan_as_dict
from training.run.task import Task
from training.run.trainer import (
    build_task,
    fit,
    make_trainer,
    require_devices,
    step_precision,
)

MEASURED_STEPS = 2
LONG = 16


def dry_run_report(plan: AnyPlan) -> dict[str, Any]:
    """The report, JSON-ready. A few real steps are timed and then thrown away.

    Args:
        plan: of the run.

    Raises:
        DeviceError: the accelerator that is asked for isn't there.

    Returns:
        `config`, `data`, `notes`, `parameters`, `parameter_bytes`, and `step` with `seconds`,
        `audio_seconds`, `total_hours`, `device`, `precision`.
    """
    settings = plan.training
    require_devices(settings)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    parts = TRAINING[plan.family].parts()
    task = build_task(parts.task, plan)
    parameters = sum(p.numel() for p in task.model.parameters())
    samples = settings.batch_size * parts.window(plan)
    stream = parts.stream(plan, Span(0, 1 + MEASURED_STEPS))
    seconds = _measure(settings, task, stream)
    return {
        "config": plan_as_dict(plan),
        "data": data_summary(plan),
        "notes": list(plan.notes),
        "parameters": parameters,
        "parameter_bytes": 4 * parameters,
        "step": {
            "seconds": round(seconds, 4),
            "audio_seconds": round(samples / plan.library.sample_rate, 3),
            "total_hours": round(seconds * settings.steps / 3600, 3),
            "device": str(task.device),
            "precision": step_precision(settings),
        },
    }


def as_text(report: dict[str, Any]) -> str:
    """The report for people."""
    data, step = report["data"], report["step"]
    lines = [
        yaml.safe_dump(_short(report["config"]), sort_keys=False, allow_unicode=True).rstrip(),
        "",
        f"data: {data['files']} files, {data['seconds']:.1f} s"
        f" ({data['training_seconds']:.1f} s to learn from,"
        f" {data['held_out_seconds']:.1f} s held out)",
    ]
    lines += [f"  rejected: {r['reason']}" for r in data["rejected"]]
    lines += [f"  skipped: {data['skipped']}"] if data["skipped"] else []
    lines += [f"  {note}" for note in report["notes"]]
    lines += [
        f"parameters: {report['parameters']}",
        f"a step: {step['seconds']:.3f} s for {step['audio_seconds']} s of audio on the"
        f" {step['device']} ({step['precision']}); all steps: {step['total_hours']:.2f} h",
        "nothing was trained",
    ]
    return "\n".join(lines)


def _short(value: Any) -> Any:
    """Plain data with the middle of long lists left out."""
    if isinstance(value, dict):
        return {k: _short(v) for k, v in value.items()}
    if isinstance(value, list) and len(value) > LONG:
        return [*value[:2], f"… {len(value)} in all"]
    return value


def _measure(settings: TrainConfig, task: Task, stream: Iterable[Any]) -> float:
    """Seconds of a step, without what the first one sets up (compilation, caches)."""
    clock = _Clock()
    fit(make_trainer(settings, clock), task, stream)
    return (clock.ends[-1] - clock.ends[0]) / MEASURED_STEPS


class _Clock(L.Callback):
    """Notes the time at which each step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_batch_end(self, *ignored: Any) -> None:
        self.ends.append(time.perf_counter())
