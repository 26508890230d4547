"""Omegas found by trying, and networks that can't learn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import inr_training_rig as rig
import numpy as np
import pytest
import torch

from synth.models.inr import INR, ConditionalLayer, INRConfig
from training.inr.parts import INR_PARTS
from training.inr.saturation import complaint, layer_shares
from training.inr.tuner import FIRST, HIDDEN, KEPT, attempt, search, table, tuned


@pytest.fixture(scope="module")
def sines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rig.write_sines(tmp_path_factory.mktemp("tuner") / "sines", (330, 500))


def test_the_search_finds_a_pair_within_twice_the_best_of_a_grid(sines: Path) -> None:
    plan = rig.make_plan(
        sines, width=32, learning_rate=3e-3, latent_init_std=0.1, latent_lr=0.01
    )  # fmt: skip
    pairs = [(first, hidden) for first in (1.0, 30.0, 1000.0) for hidden in (1.0, 30.0, 1000.0)]
    grid = [attempt(plan, pair, 90, INR_PARTS.task, INR_PARTS.stream).error for pair in pairs]
    found = search(plan, pairs, 90, print, INR_PARTS.task, INR_PARTS.stream)[0]
    assert min(grid) < 0.1
    assert sorted(grid)[2] > 0.5, "few pairs learn anything"
    assert found.steps == 90
    assert found.error <= 2 * min(grid)


def test_every_pair_is_tried_and_the_better_third_goes_on(sines: Path) -> None:
    plan = rig.make_plan(sines)
    pairs = [(first, 20.0) for first in np.geomspace(1, 1000, 9)]
    found = search(plan, pairs, 9, print, INR_PARTS.task, INR_PARTS.stream)
    assert sorted(t.first for t in found) == [first for first, _ in pairs], "each once"
    assert [t.steps for t in found] == [9, 3, 3, 1, 1, 1, 1, 1, 1]
    assert len([t for t in found if t.steps > 1]) == len(pairs) // KEPT
    assert len(table(found)) == 10


def test_a_plan_follows_what_was_found(sines: Path) -> None:
    plan = rig.make_plan(sines, tune=True, tune_steps=9)
    said: list[str] = []
    found = tuned(plan, said.append, INR_PARTS.task, INR_PARTS.stream)
    assert (found.model.first_omega_0, found.model.hidden_omega_0) in {
        (first, hidden) for first in FIRST for hidden in HIDDEN
    }
    assert len(said) == 3 + 2 + len(FIRST) * len(HIDDEN)
    assert replace(found, model=plan.model) == plan, "nothing else has changed"
    left = rig.make_plan(sines, tune=False)
    assert tuned(left, said.append, INR_PARTS.task, INR_PARTS.stream) is left


def network(**changes: float) -> INR:
    torch.manual_seed(0)
    shape = INRConfig(width=64, depth=4, num_latent=16, sounds=4, audio_length=16_000)
    return INR(replace(shape, **changes)).eval()


def complained(**changes: float) -> str:
    return complaint(layer_shares(network(**changes)))


@pytest.mark.parametrize("pair", [(155, 390), (615, 200), (1760, 245), (30, 30)])
def test_networks_that_can_learn_are_let_alone(pair: tuple[float, float]) -> None:
    assert complained(first_omega_0=pair[0], hidden_omega_0=pair[1]) == ""


def test_neighbouring_samples_without_relation_are_complained_of() -> None:
    said = complained(first_omega_0=300_000.0, hidden_omega_0=100.0)
    assert "noise from one sample to the next" in said
    assert "--tune" in said


def test_units_that_never_move_are_complained_of() -> None:
    """As too much weight decay leaves them."""
    model = network(first_omega_0=1760.0, hidden_omega_0=245.0)
    with torch.no_grad():
        for layer in model.decoder.modules():
            if isinstance(layer, ConditionalLayer) and layer.gain is not None:
                layer.gain.mul_(1e-6)
    shares = layer_shares(model)
    assert len(shares) == 4
    assert all(share.still > 0.9 and share.noise == 0 for share in shares)
    assert "layer 1 of 4 is saturated, 100 % of its units never move" in complaint(shares)


def test_decoders_without_layers_over_time_are_not_judged() -> None:
    model = INR(INRConfig(architecture="wavegan"))
    assert layer_shares(model) == []
    assert complaint([]) == ""
