"""The table of families that can be trained."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields

import pytest

from synth.models import FAMILIES
from training.families import TRAINING
from training.planning import resolve_configs
from training.run.config import TrainConfig


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
