"""The flags of `synth train`: each is explained, switches take 0 and 1, devices are judged."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
import torch
from click.testing import CliRunner

from synth.cli.train import family_command
from synth.contract import DeviceError
from training.families import TRAINING
from training.run.config import TrainConfig
from training.run.trainer import require_devices


@pytest.mark.parametrize("family", TRAINING)
def test_each_flag_is_explained_beside_its_default(family: str) -> None:
    for option in family_command(family).params:
        if isinstance(option, click.Option):
            said, _, default = (option.help or "").partition("  [")
            assert re.search(r"[A-Za-z]{3}.*\S", said), f"{option.opts[0]} is not explained"
            assert not re.match(r"(Of|Between|By|See) ", said), f"{option.opts[0]}: {said}"
            if default:
                assert re.fullmatch(r"(run|model); .+\]", default), option.opts[0]
    helped = CliRunner().invoke(family_command(family), ["--help"])
    assert helped.exit_code == 0
    assert "Optimiser steps in all" in helped.output


SWITCHES = dict.fromkeys(TRAINING, "weight_norm") | {
    "timbre": "batch_norm",
    "inverse": "audible",
}


@pytest.mark.parametrize(
    ("word", "meant"), [("--{}=0", False), ("--{}=1", True), ("dashed --{}=1", True)]
)
@pytest.mark.parametrize("family", TRAINING)
def test_switches_take_a_value_after_an_equals_sign(family: str, word: str, meant: bool) -> None:
    switch = SWITCHES[family]
    name = switch.replace("_", "-") if word.startswith("dashed") else switch
    given = ["FOLDER", "--out", "x", word.removeprefix("dashed ").format(name)]
    context = family_command(family).make_context(family, given)
    assert context.params[switch] is meant
    assert str(context.params["data"]) == "FOLDER"


@pytest.mark.parametrize("name", ["gpu", "mps"])
def test_an_accelerator_that_is_not_there(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=f"accelerator is {name}.*--accelerator cpu"):
        require_devices(TrainConfig(accelerator=name))
    require_devices(TrainConfig(accelerator="cpu", devices=3))


def test_more_devices_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    with pytest.raises(DeviceError, match=r"devices is 3; .* has 2"):
        require_devices(TrainConfig(devices=3))
    require_devices(TrainConfig(devices=2))


@pytest.mark.skipif(torch.accelerator.is_available(), reason="an accelerator is there")
@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_the_command_leaves_nothing_behind(tmp_path: Path, more: list[str]) -> None:
    import training_rig as rig

    out = tmp_path / "run"
    given = rig.arguments(rig.write_tones(tmp_path / "tones"), out, "--accelerator", "gpu", *more)
    done = rig.run(given, tmp_path / "log")
    assert done.wait() == 3
    assert "accelerator is gpu" in done.said
    assert "Traceback" not in done.said
    assert not out.exists()
