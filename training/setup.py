"""Settings and data of a run put together and judged before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from synth.contract import ConfigError, config_from_dict, config_to_dict, read_yaml
from synth.models import FAMILIES
from training.config import TrainConfig
from training.library import Clip, Library, build_library, split


@dataclass(frozen=True)
class Plan:
    """Everything decided about a run.

    Attributes:
        family: key of `FAMILIES`; model: its config; training: the run's; data: folder or file;
        library: what was found there; learned, held_out: its two parts.
    """

    family: str
    model: Any
    training: TrainConfig
    data: str
    library: Library
    learned: tuple[Clip, ...]
    held_out: tuple[Clip, ...]


def resolve_configs(
    family: str,
    preset: str | None,
    file: str | Path | None,
    flags: Mapping[str, Any],
    base: Mapping[str, Any] | None = None,
) -> tuple[Any, TrainConfig]:
    """The model's and the run's config: preset (or `base`), then YAML file, then flags.

    A YAML file is flat (`steps: 1000`) or has the two parts `model:` and `training:`, as the
    `config.yaml` of a run's folder has.

    Raises:
        ConfigError: unknown family, preset or setting, wrong type, value out of range.
    """
    row = FAMILIES.get(family)
    if row is None:
        raise ConfigError(f"family {family!r} is unknown; known are {', '.join(FAMILIES)}")
    if preset is not None and preset not in row.presets:
        raise ConfigError(f"preset {preset!r} is unknown; known are {', '.join(row.presets)}")
    start = config_to_dict(row.presets[preset]) if preset else {}
    values = {**(base or {}), **start, **_flat(read_yaml(file) if file else {}), **flags}
    names = {f.name for f in fields(row.config)}
    training = {k: v for k, v in values.items() if k not in names}
    known = names | {f.name for f in fields(TrainConfig)}
    for name in training:
        if name not in known:
            raise ConfigError(f"unknown setting {name!r}; known are {', '.join(sorted(known))}")
    model = {k: v for k, v in values.items() if k in names}
    return config_from_dict(row.config, model), config_from_dict(TrainConfig, training)


def plan_run(
    family: str,
    data: str | Path | None,
    *,
    preset: str | None = None,
    file: str | Path | None = None,
    flags: Mapping[str, Any] | None = None,
    cache: Path | None = None,
    resume_from: Path | None = None,
    on_file: Callable[[int, int], None] | None = None,
) -> Plan:
    """Settings resolved and data found. A run that is resumed gives its own where none are given.

    Raises:
        ConfigError: see `resolve_configs`; no data given; nothing to resume in `resume_from`.
        DataError: see `make_plan`.
    """
    stored = stored_run(resume_from) if resume_from else {}
    model, training = resolve_configs(family, preset, file, flags or {}, _flat(stored))
    data = data or stored.get("data")
    if data is None:
        raise ConfigError("no data given; name an audio file or a folder of them")
    return make_plan(family, model, training, data, cache=cache, on_file=on_file)


def stored_run(out: Path) -> dict[str, Any]:
    """`config.yaml` of the run in `out`. Raises `ConfigError` where there is none."""
    if not (out / "config.yaml").is_file():
        raise ConfigError(f"{out}: no run to resume here (no config.yaml); leave out --resume")
    return read_yaml(out / "config.yaml")


def make_plan(
    family: str,
    model: Any,
    training: TrainConfig,
    data: str | Path,
    *,
    cache: Path | None = None,
    on_file: Callable[[int, int], None] | None = None,
) -> Plan:
    """Find, decode and split the data. Raises `DataError` when nothing can be used."""
    library = build_library(
        data, model.sample_rate, model.audio_channels, cache=cache, on_file=on_file
    )
    learned, held_out = split(library, training.held_out, training.seed)
    return Plan(family, model, training, str(data), library, learned, held_out)


def crop_frames(plan: Plan) -> int:
    """Length of a crop in samples: whole latent frames."""
    hop: int = plan.model.hop
    return int(-(-round(plan.training.crop_seconds * plan.model.sample_rate) // hop) * hop)


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


def _flat(data: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in data.items():
        if name in ("model", "training") and isinstance(value, dict):
            out.update(value)
        elif name not in ("family", "data"):
            out[name] = value
    return out
