"""The table of families that can be trained."""

from __future__ import annotations

import ast
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import training
from synth.cli.train import family_command
from synth.models import FAMILIES
from training.families import TRAINING, reported_families
from training.planning import resolve_configs
from training.run.config import TrainConfig
from training.run.family import Parts, Reporting
from training.run.review import Review

ROOM = Path(training.__file__).parent


def test_every_family_can_be_trained() -> None:
    assert list(TRAINING) == list(FAMILIES)


@pytest.mark.parametrize("family", TRAINING)
def test_names_of_settings_are_unique_and_kept_in_range(family: str) -> None:
    row = TRAINING[family]
    model, run = ({f.name for f in fields(c)} for c in (FAMILIES[family].config, row.config))
    assert not model & run, "a flag would set both"
    assert set(row.config.RANGES) <= run
    assert {f.name for f in fields(TrainConfig)} <= run
    numbers = {f.name for f in fields(row.config) if f.type in ("int", "float")}
    assert numbers == set(row.config.RANGES), "each number has its range"
    assert set(row.aliases) <= model | run | {"data"}


@pytest.mark.parametrize("family", TRAINING)
def test_presets_resolve(family: str) -> None:
    for preset, config in FAMILIES[family].presets.items():
        found, settings = resolve_configs(family, preset, None, {"steps": 7})
        assert found == config
        assert isinstance(settings, TRAINING[family].config)
        assert settings.steps == 7


def test_settings_are_known_without_what_trains() -> None:
    code = "import sys, training.families; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("family", TRAINING)
def test_every_row_is_complete(family: str) -> None:
    row = TRAINING[family]
    assert issubclass(row.config, TrainConfig)
    assert row.config is not TrainConfig
    parts = row.parts()
    assert isinstance(parts, Parts)
    assert all(callable(getattr(parts, f.name)) for f in fields(parts))
    assert isinstance(parts.review, type)
    assert issubclass(parts.review, Review)
    for method in ("saves", "evaluate", "score", "headline", "detail"):
        assert getattr(parts.review, method) is not getattr(Review, method), f"{method} is missing"
    if row.report is not None:
        reporting = row.report()
        assert isinstance(reporting, Reporting)
        assert all(callable(getattr(reporting, f.name)) for f in fields(reporting)[:-1])
        assert reporting.repeated <= {f.name for f in fields(row.config)}
    assert (row.report is not None) == (family in reported_families())


@pytest.mark.parametrize("family", TRAINING)
def test_rows_name_only_what_there_is(family: str) -> None:
    row = TRAINING[family]
    model, run = ({f.name for f in fields(c)} for c in (FAMILIES[family].config, row.config))
    assert set(row.presets) <= set(FAMILIES[family].presets)
    assert all(set(preset) <= run for preset in row.presets.values())
    assert row.hidden <= model | run
    assert {*row.instead, *row.instead.values()} <= run


@pytest.mark.parametrize("family", TRAINING)
def test_the_example_is_a_command(family: str) -> None:
    program, command, name, *given = shlex.split(TRAINING[family].example)
    assert (program, command, name) == ("synth", "train", family)
    parsed = family_command(family).make_context(name, given)
    assert (parsed.params["data"] is not None) == TRAINING[family].needs_recordings
    assert TRAINING[family].folder is not None or parsed.params["out"] is not None


def test_a_family_is_known_to_its_folder_and_to_the_table_alone() -> None:
    # `explore` is a room of one family, timbre, on a floor of its own as it opens trained models;
    # `match` is one of inverse, whose training judges by its distances.
    apart = {*TRAINING, "explore", "match", "recipes", "families.py"}
    shared = [f for f in ROOM.rglob("*.py") if f.relative_to(ROOM).parts[0] not in apart]
    assert len(shared) > 20
    for file in shared:
        texts = {n.value for n in ast.walk(ast.parse(file.read_text())) if type(n) is ast.Constant}
        assert not texts & set(TRAINING), f"{file} names a family"
