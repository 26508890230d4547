"""Everything decided about a run before it begins."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import yaml

from synth.contract import config_to_dict
from training.data.datasets.place import locate
from training.data.library import Clip, Library
from training.run.config import TrainConfig

ModelT_co = TypeVar("ModelT_co", covariant=True)
SettingsT_co = TypeVar("SettingsT_co", bound=TrainConfig, covariant=True)


@dataclass(frozen=True)
class Plan(Generic[ModelT_co, SettingsT_co]):
    """Everything decided about a run.

    Attributes:
        family: key of the tables of families.
        model, training: configs of the model and of the run, each of the family's class.
        data: absolute path of the folder or file of recordings, or the name of a fetched set; "":
            there are none.
        library: the recordings found there that can be used.
        learned, held_out: the two parts of it.
        notes: lines about them for the user.
    """

    family: str
    model: ModelT_co
    training: SettingsT_co
    data: str
    library: Library
    learned: tuple[Clip, ...]
    held_out: tuple[Clip, ...]
    notes: tuple[str, ...] = ()


AnyPlan = Plan[Any, TrainConfig]


def plan_as_dict(plan: AnyPlan) -> dict[str, Any]:
    """The part of a plan that is written as `config.yaml`."""
    return {
        "family": plan.family,
        "data": plan.data,
        "model": config_to_dict(plan.model),
        "training": config_to_dict(plan.training),
    }


def as_yaml(data: Any) -> str:
    """Plain data as YAML, with lists of numbers or words in brackets, however many lines they take.

    Args:
        data: dictionaries, lists, and what they hold.
    """
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """YAML whose lists are in brackets where nothing in them has parts of its own."""


def _represent_list(dumper: _Dumper, values: list[Any]) -> yaml.Node:
    flat = not any(isinstance(value, list | dict) for value in values)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=flat)


_Dumper.add_representer(list, _represent_list)


def data_summary(plan: AnyPlan) -> dict[str, Any]:
    """The recordings, JSON-ready: files, seconds, held-out files, rejected ones and why, and kinds
    of audio that were skipped."""
    rate = plan.library.sample_rate
    return {
        "path": os.path.abspath(locate(plan.data)) if plan.data else "",
        "files": len(plan.library.clips),
        "seconds": round(plan.library.seconds, 2),
        "training_seconds": round(sum(c.frames for c in plan.learned) / rate, 2),
        "held_out_seconds": round(sum(c.frames for c in plan.held_out) / rate, 2),
        "held_out_files": [c.source.name for c in plan.held_out],
        "rejected": [{"file": f, "reason": r} for f, r in plan.library.rejected],
        "skipped": plan.library.skipped,
        "fingerprint": plan.library.fingerprint(),
    }
