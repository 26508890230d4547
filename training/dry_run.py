"""A run that is only described: settings, data, parameters and the measured cost of a step."""

from __future__ import annotations

import time
from typing import Any

import torch

from training.data.library import GLANCE_AUDIO_SECONDS
from training.families import TRAINING
from training.run.measuring import measure_step
from training.run.plan import AnyPlan, as_yaml, data_summary, plan_as_dict
from training.run.trainer import require_devices, step_precision

LONG = 16
ANSWER_SECONDS = 7.5  # of the ten that a user waits at most; the end of the process takes one
LEAST_SECONDS = 1.5  # for the measurement, however slowly everything was loaded


def dry_run_report(plan: AnyPlan, begun: float | None = None) -> dict[str, Any]:
    """The report, JSON-ready. A few real steps, or a part of one, are timed and then thrown away.

    Args:
        plan: of the run.
        begun: of `time.monotonic()`, when the user began to wait; None: now.

    Raises:
        DeviceError: the accelerator that is asked for isn't there.

    Returns:
        `config`, `data`, `notes`, `parameters`, `parameter_bytes`, and `step` with `seconds`,
        `audio_seconds`, `total_hours`, `device`, `precision`, and `rows` of the batch, of which
        `measured_rows` were measured; with 0 of these `seconds` is only the least.
    """
    settings = plan.training
    require_devices(settings)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    parts = TRAINING[plan.family].parts()
    waited = time.monotonic() - begun if begun is not None else 0.0
    installed, missing = parts.installed(plan)
    found = measure_step(installed, parts, max(LEAST_SECONDS, ANSWER_SECONDS - waited))
    samples = settings.batch_size * parts.window(plan)
    return {
        "config": plan_as_dict(plan),
        "data": {
            **data_summary(plan),
            "unseen_files": plan.library.unseen,
            "cut_files": plan.library.cut,
        },
        "notes": [*plan.notes, *missing],
        "parameters": found.parameters,
        "parameter_bytes": 4 * found.parameters,
        "step": {
            "seconds": round(found.seconds, 4),
            "audio_seconds": round(samples / plan.library.sample_rate, 3),
            "total_hours": round(found.seconds * settings.steps / 3600, 3),
            "device": found.device,
            "precision": step_precision(settings),
            "rows": settings.batch_size,
            "measured_rows": found.rows,
        },
    }


def as_text(report: dict[str, Any]) -> str:
    """The report for people."""
    data, step = report["data"], report["step"]
    lines = [
        as_yaml(_short(report["config"])).rstrip(),
        "",
        f"data: {data['files']} files, {data['seconds']:.1f} s"
        f" ({data['training_seconds']:.1f} s to learn from,"
        f" {data['held_out_seconds']:.1f} s held out)"
        if data["path"]
        else "data: none are needed",
    ]
    lines += [f"  rejected: {r['reason']}" for r in data["rejected"]]
    lines += [f"  skipped: {data['skipped']}"] if data["skipped"] else []
    lines += _of_a_glance(data)
    lines += [f"  {note}" for note in report["notes"]]
    least = "" if step["measured_rows"] else "more than "
    lines += [
        f"parameters: {report['parameters']}",
        f"a step: {least}{step['seconds']:.3f} s for {step['audio_seconds']} s of audio on the"
        f" {step['device']} ({step['precision']}); all steps: {least}{step['total_hours']:.2f} h",
    ]
    if step["measured_rows"] < step["rows"]:
        lines.append(
            f"  a step is long: {step['measured_rows']} of the {step['rows']} rows of a batch"
            + (" stand for all of them" if step["measured_rows"] else " were done by then")
        )
    lines.append("nothing was trained")
    return "\n".join(lines)


def _of_a_glance(data: dict[str, Any]) -> list[str]:
    """What was left out of the recordings to save time."""
    lines = []
    if data["unseen_files"]:
        lines.append(f"  {data['unseen_files']} more files are not decoded yet and not counted")
    if data["cut_files"]:
        lines.append(
            f"  of {data['cut_files']} long files, not decoded yet, the first"
            f" {GLANCE_AUDIO_SECONDS:g} s are counted"
        )
    return lines


def _short(value: Any) -> Any:
    """Plain data with the middle of long lists left out."""
    if isinstance(value, dict):
        return {k: _short(v) for k, v in value.items()}
    if isinstance(value, list) and len(value) > LONG:
        return [*value[:2], f"… {len(value)} in all"]
    return value
