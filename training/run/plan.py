"""Everything decided about a run before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from synth.contract import config_to_dict
from training.data.library import Clip, Library
from training.run.config import TrainConfig


@dataclass(frozen=True)
class Plan:
    """Everything decided about a run.

    Attributes:
        family: key of the tables of families; model: its config; training: the run's, of the
            family's class; data: folder or file;
        library: what was found there; learned, held_out: its two parts; notes: what there is to
            say about them.
    """

    family: str
    model: Any
    training: TrainConfig
    data: str
    library: Library
    learned: tuple[Clip, ...]
    held_out: tuple[Clip, ...]
    notes: tuple[str, ...] = ()


def plan_as_dict(plan: Plan) -> dict[str, Any]:
    """The part of a plan that is written as `config.yaml`."""
    return {
        "family": plan.family,
        "data": plan.data,
        "model": config_to_dict(plan.model),
        "training": config_to_dict(plan.training),
    }


def data_summary(plan: Plan) -> dict[str, Any]:
    """What was found, JSON-ready: files, seconds, held-out files, rejected ones and why."""
    rate = plan.library.sample_rate
    return {
        "path": plan.data,
        "files": len(plan.library.clips),
        "seconds": round(plan.library.seconds, 2),
        "training_seconds": round(sum(c.frames for c in plan.learned) / rate, 2),
        "held_out_seconds": round(sum(c.frames for c in plan.held_out) / rate, 2),
        "held_out_files": [c.source.name for c in plan.held_out],
        "rejected": [{"file": f, "reason": r} for f, r in plan.library.rejected],
        "fingerprint": plan.library.fingerprint(),
    }
