"""One sine of 220 Hz: the least that each architecture has to learn with the settings it has."""

from __future__ import annotations

from pathlib import Path

import inr_training_rig as rig
import pytest
import torch

from synth.models.inr import ARCHITECTURES
from training.inr.decoding import decoded
from training.inr.sounds import load_sounds
from training.planning import plan_run

STEPS = 200
RELU = {"pi-gan_relu", "pi-gan_sine_last", "im-net"}  # docs/inr.md says why they learn no such tone
LARGE = {"pi-gan_shrinking", "wavegan"}  # of widths that the preset can't change
TAGS = [
    pytest.param(tag, marks=[pytest.mark.slow] if tag in LARGE else [])
    for tag in ARCHITECTURES
    if tag not in RELU
]


@pytest.fixture(scope="module")
def sine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rig.write_sines(tmp_path_factory.mktemp("sine") / "sine", (220,), 16_000)


@pytest.mark.parametrize("tag", TAGS)
def test_a_sine_is_learned_within_200_steps(sine: Path, tag: str) -> None:
    flags = {"architecture": tag, "steps": STEPS, "use_gpu": False, "precision": "32"}
    cache = sine.parent / "cache"
    plan = plan_run("inr", sine, preset="small", flags=flags, cache=cache)
    model = rig.trained(plan, STEPS).model.eval()
    meant = torch.from_numpy(load_sounds(plan.learned, plan.model.audio_length))
    error = (decoded(model, model.latents) - meant).square().sum() / meant.square().sum()
    assert float(error) < 0.02
