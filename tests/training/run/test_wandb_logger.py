"""Weights & Biases as a further logger: absent in one line, present with every figure."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from synth.contract import ConfigError
from synth.models.inr import INRConfig
from training.data.library import Library
from training.inr.config import INRTrainConfig
from training.measures.pictures import draw_overlay
from training.run import wandb_logger
from training.run.plan import Plan
from training.run.wandb_logger import ID_FILE, WandbLogger

PLAN = Plan(
    "inr", INRConfig(), INRTrainConfig(note="mine"), "notes", Library((), (), 16_000, 1), (), ()
)
needs_package = pytest.mark.skipif(
    importlib.util.find_spec("wandb") is None, reason="pip install wandb"
)


def test_a_package_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)  # as Python marks what can't be imported
    with pytest.raises(ConfigError, match=r"pip install wandb, or leave out --wandb"):
        WandbLogger(PLAN, tmp_path, "project", "note")
    assert list(tmp_path.iterdir()) == []


def test_a_resumed_run_keeps_its_name_there(tmp_path: Path) -> None:
    first = wandb_logger._run_id(tmp_path)
    assert wandb_logger._run_id(tmp_path) == first
    (tmp_path / ID_FILE).unlink()
    assert wandb_logger._run_id(tmp_path) != first


@needs_package
@pytest.mark.filterwarnings("default")  # the package's own
def test_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    picture = tmp_path / "picture.png"
    picture.write_bytes(draw_overlay(np.zeros(64, np.float32), np.ones(64, np.float32), ""))
    for steps in ((1, 2), (3,)):
        logger = WandbLogger(PLAN, tmp_path, "synth-test", "mine")
        for step in steps:
            logger.show(step, {"picture": picture})
            logger.write(step, {"total": 1.0 / step})
        logger.close()
    records = list(tmp_path.glob("wandb/offline-run-*/run-*.wandb"))
    assert len(records) == 2
    assert len({path.stem for path in records}) == 1  # one run, in two parts
    assert all(path.stat().st_size > 0 for path in records)
    assert len(list(tmp_path.glob("wandb/offline-run-*/files/media/images/picture_*.png"))) == 3
