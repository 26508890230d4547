"""Settings and data of a run put together and judged before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from synth.contract import ConfigError, config_from_dict, config_to_dict, read_yaml
from synth.models import FAMILIES
from training.data.datasets.place import found_again_data, locate, written
from training.data.library import Library, build_library
from training.families import TRAINING
from training.run.config import TrainConfig
from training.run.plan import AnyPlan, Plan


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

    Args:
        family: key of the tables of families.
        preset: of the family's model, or None.
        file: YAML file of settings, or None.
        flags: settings by name; they override all others.
        base: settings of the run that is resumed; all others override them.

    Raises:
        ConfigError: unknown family, preset or setting, wrong type, value out of range.
    """
    if family not in TRAINING:
        raise ConfigError(f"family {family!r} is unknown; known are {', '.join(TRAINING)}")
    row = FAMILIES[family]
    if preset is not None and preset not in row.presets:
        raise ConfigError(f"preset {preset!r} is unknown; known are {', '.join(row.presets)}")
    start: dict[str, Any] = {}
    if preset:
        start = {**config_to_dict(row.presets[preset]), **TRAINING[family].presets.get(preset, {})}
    names = {f.name for f in fields(row.config)}
    # A file may be the config.yaml of another run, whose recordings decided these.
    foreign = names & TRAINING[family].hidden
    said = {k: v for k, v in _flat(read_yaml(file) if file else {}).items() if k not in foreign}
    stored = base or {}
    fitted = TRAINING[family].fitting(start, {**start, **stored, **said, **flags})
    start = {name: v for name, v in fitted.items() if name in start or name not in stored}
    values = _merged((stored, start, said, flags), TRAINING[family].instead)
    training = {k: v for k, v in values.items() if k not in names}
    settings = TRAINING[family].config
    known = names | {f.name for f in fields(settings)}
    for name in training:
        if name not in known:
            raise ConfigError(f"unknown setting {name!r}; known are {', '.join(sorted(known))}")
    model = {k: v for k, v in values.items() if k in names}
    return config_from_dict(row.config, model), config_from_dict(settings, training)


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
    glance: bool = False,
) -> AnyPlan:
    """The plan of a run: settings resolved, data found.

    Args:
        family, preset, file, flags: see `resolve_configs`.
        data: an audio file, a folder of them, or the name of a fetched set; None: those of the run
            that is resumed, or else the family's own, or none where it needs none.
        cache: folder of decoded audio; None: the user's.
        resume_from: folder of the run that is resumed, whose settings and data hold where no others
            are given.
        on_file: called with (done, total) after each file that is decoded.
        glance: decode only what takes a second or two, for a plan that isn't followed.

    Raises:
        ConfigError: see `resolve_configs`; no data given; nothing to resume in `resume_from`.
        DataError: see `make_plan`; or the data of the run that is resumed were moved.
    """
    stored = stored_run(resume_from) if resume_from else {}
    model, training = resolve_configs(family, preset, file, flags or {}, _flat(stored))
    if data is None and resume_from is not None and stored.get("data"):
        data = found_again_data(str(stored["data"]), resume_from)
    data = data or TRAINING[family].data or None
    if data is None and TRAINING[family].needs_recordings:
        raise ConfigError("no data given; name an audio file or a folder of them")
    plan = make_plan(family, model, training, data, cache=cache, on_file=on_file, glance=glance)
    typed = _typed(family, file, flags or {})
    idle = TRAINING[family].parts().idle(plan.model, plan.training)
    notes = [f"{name} changes nothing: {why}" for name, why in idle.items() if name in typed]
    return replace(plan, notes=(*plan.notes, *notes))


def _typed(family: str, file: str | Path | None, flags: Mapping[str, Any]) -> set[str]:
    """Names of the settings that somebody gave: flags, and lines of a file that aren't defaults."""
    usual = {
        f.name: f.default for cls in (FAMILIES[family].config, TRAINING[family].config)
        for f in fields(cls)
    }  # fmt: skip
    lines = _flat(read_yaml(file)) if file else {}
    return {*flags, *(name for name, value in lines.items() if value != usual.get(name))}


def stored_run(out: Path) -> dict[str, Any]:
    """`config.yaml` of the run in `out`. Raises `ConfigError` where there is none."""
    if not (out / "config.yaml").is_file():
        raise ConfigError(f"{out}: no run to resume here (no config.yaml); leave out --resume")
    return read_yaml(out / "config.yaml")


def make_plan(
    family: str,
    model: Any,
    training: TrainConfig,
    data: str | Path | None,
    *,
    cache: Path | None = None,
    on_file: Callable[[int, int], None] | None = None,
    glance: bool = False,
) -> AnyPlan:
    """Find, decode and split the data of a run.

    Args:
        family: key of the tables of families.
        model, training: configs of the model and of the run.
        data: an audio file, a folder of them, or the name of a fetched set; None: no recordings,
            for a family that needs none.
        cache: folder of decoded audio; None: the user's.
        on_file: called with (done, total) after each file that is decoded.
        glance: see `plan_run`.

    Raises:
        DataError: no recording can be used, or the set is not fetched yet.
        ConfigError: settings and recordings don't go together.
    """
    if data is None:
        library = Library((), (), model.sample_rate, model.audio_channels)
    else:
        library = build_library(
            locate(data),
            model.sample_rate,
            model.audio_channels,
            cache=cache,
            on_file=on_file,
            glance=glance,
        )
    data = "" if data is None else written(data)
    found = TRAINING[family].parts().arrange(model, training, data, library)
    return Plan(
        family,
        found.model,
        found.training or training,
        data,
        found.library,
        found.learned,
        found.held_out,
        found.notes,
    )


def _merged(layers: Iterable[Mapping[str, Any]], instead: Mapping[str, str]) -> dict[str, Any]:
    """All layers merged, later ones over earlier ones. A setting that stands `instead` of another
    removes that one from the layers before."""
    values: dict[str, Any] = {}
    for layer in layers:
        for name in layer.keys() & instead.keys():
            values.pop(instead[name], None)
        values.update(layer)
    return values


def _flat(data: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in data.items():
        if name in ("model", "training") and isinstance(value, dict):
            out.update(value)
        elif name not in ("family", "data"):
            out[name] = value
    return out
