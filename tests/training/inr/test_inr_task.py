"""What coordinate networks learn, step by step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import inr_training_rig as rig
import pytest
import torch
from rich.console import Console

from synth.contract import DataError
from synth.models.inr import ARCHITECTURES, INR
from training.inr.config import INRTrainConfig
from training.inr.decoding import decoded
from training.inr.optimizer import make_optimizer, make_plateau, rate_at, weight_decay_at
from training.inr.parts import INR_PARTS
from training.inr.sounds import load_sounds
from training.run.family import Span
from training.run.keeper import Keeper
from training.run.stopping import StopWish
from training.run.trainer import build_task, fit, make_trainer


@pytest.fixture(scope="module")
def sines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rig.write_sines(tmp_path_factory.mktemp("task") / "sines", (220, 330, 500, 800))


def error(plan: Any, model: INR) -> float:
    """Squared error as a share of silence's."""
    meant = torch.from_numpy(load_sounds(plan.learned, plan.model.audio_length))
    made = decoded(model.eval(), model.latents)
    return float((made - meant).square().sum() / meant.square().sum())


@pytest.mark.parametrize("method", ["autodecoder", "autoencoder"])
def test_four_sines_are_learned(tmp_path: Path, method: str) -> None:
    length = 2048
    data = rig.write_sines(tmp_path / "sines", (220, 330, 500, 800), length)
    plan = rig.make_plan(
        data, meta_architecture=method, audio_length=length, width=32, num_latent=16,
        first_omega_0=300.0, hidden_omega_0=20.0, learning_rate=2e-3, batch_size=4, steps=200,
        samples_per_datapoint=512, latent_init_std=0.1, latent_lr=0.1,
    )  # fmt: skip
    task = rig.trained(plan, 200)
    if method == "autoencoder":
        with torch.no_grad():
            audio = torch.from_numpy(load_sounds(plan.learned, length))
            task.model.latents.copy_(task.model.encode(audio))
    assert error(plan, task.model) < 0.1
    distance = torch.cdist(task.model.latents, task.model.latents)
    assert float(distance[~torch.eye(4, dtype=torch.bool)].min()) > 1e-3, "latents of their own"


def test_a_step_moves_the_latents_of_its_sounds_alone(sines: Path) -> None:
    plan = rig.make_plan(sines)
    before = INR(plan.model)
    torch.manual_seed(0)
    task = build_task(INR_PARTS.task, plan)
    table = task.model.latents.clone()
    batch = next(iter(INR_PARTS.stream(plan, Span(0, 1))))
    fit(make_trainer(plan.training), task, INR_PARTS.stream(plan, Span(0, 1)))
    moved = (task.model.latents != table).any(1).nonzero().flatten()
    assert sorted(moved.tolist()) == sorted(batch.items.tolist())
    assert len(batch.items) == 2
    assert before.latents.shape == table.shape


def test_the_step_of_a_latent_is_the_slope_of_the_loss(sines: Path) -> None:
    """z - latent_lr · dL/dz, by differences of a loss computed anew."""
    plan = rig.make_plan(sines, double=True, latent_lr=0.2)
    task = build_task(INR_PARTS.task, plan)
    table = task.model.latents.clone()
    weights = {k: v.clone() for k, v in task.model.state_dict().items()}
    batch = next(iter(INR_PARTS.stream(plan, Span(0, 1))))
    fit(make_trainer(plan.training), task, INR_PARTS.stream(plan, Span(0, 1)))
    after = task.model.latents.clone()
    task.model.load_state_dict(weights)
    t = task.model.coordinates(batch.positions)

    def loss(z: torch.Tensor) -> float:
        with torch.no_grad():
            return float((task.model(z, t) - batch.target).square().sum(1).mean())

    row = batch.items[0]
    for k in range(4):
        bump = torch.zeros_like(table[batch.items])
        bump[0, k] = 1e-6
        z = table[batch.items]
        slope = (loss(z + bump) - loss(z - bump)) / 2e-6
        assert float(after[row, k] - table[row, k]) == pytest.approx(-0.2 * slope, rel=1e-4)


@pytest.mark.parametrize(
    ("architecture", "method"),
    [
        ("pi-gan", "autodecoder"), ("pi-gan", "autoencoder"), ("pi-gan_concat_all", "autodecoder"),
        ("siren", "autodecoder"), ("wavegan", "autodecoder"),
    ],
)  # fmt: skip
def test_everything_learns(tmp_path: Path, architecture: str, method: str) -> None:
    """Network, mapping and encoder: no tensor is left out by the optimiser."""
    data = rig.write_sines(tmp_path / "sines", (220, 330), 16_000)
    shape = ARCHITECTURES[architecture]
    width, depth = (16, 2) if shape.resizable and shape.widths else (0, 0)
    plan = rig.make_plan(
        data, architecture=architecture, meta_architecture=method, audio_length=16_000,
        width=width, depth=depth, latent_init_std=0.1, samples_per_datapoint=32,
    )  # fmt: skip
    task = build_task(INR_PARTS.task, plan)
    before = {name: p.detach().clone() for name, p in task.model.named_parameters()}
    fit(make_trainer(plan.training), task, INR_PARTS.stream(plan, Span(0, 2)))
    still = [n for n, p in task.model.named_parameters() if torch.equal(p, before[n])]
    assert still == []


@pytest.mark.parametrize("optimizer", ["adabelief", "adam"])
def test_weight_decay_is_the_networks_alone(sines: Path, optimizer: str) -> None:
    """Without a slope of the loss only decay moves a weight."""
    plan = rig.make_plan(sines, weight_decay=0.5, optimizer=optimizer)
    model = INR(plan.model)
    assert isinstance(plan.training, INRTrainConfig)
    found = make_optimizer(model, plan.training)
    groups = model.parameter_groups()
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    before = {p: p.detach().clone() for p in model.parameters()}
    found.step()
    assert all(not torch.equal(p, before[p]) for p in groups["network"] if p.abs().max() > 1e-3)
    assert groups["mapping"]
    assert all(torch.equal(p, before[p]) for p in groups["mapping"])


def test_adabelief_by_hand() -> None:
    """Of constant slopes g the first step is lr · g / sqrt((g - 0.1 g)²), all signs and no size;
    decay of 0.5 adds half the weight to its slope."""
    plan_model = rig.MODEL
    model = INR(plan_model)
    settings = INRTrainConfig(learning_rate=0.1, weight_decay=0.5, beta1=0.9, beta2=0.999)
    found = make_optimizer(model, settings)
    weight = model.parameter_groups()["network"][0]
    with torch.no_grad():
        weight.fill_(2.0)
    weight.grad = torch.full_like(weight, -3.0)  # with decay -3 + 1 = -2
    found.step()
    assert float(weight.detach().flatten()[0]) == pytest.approx(2.0 + 0.1 / 0.9, rel=1e-4)


def test_a_plateau_slows_down_after_a_hundred_epochs() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    plateau = make_plateau(optimizer, batches=2)
    rates = []
    for _ in range(420):
        plateau.step(1.0)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates[200] == 1.0
    assert rates[201] == pytest.approx(0.95)
    assert rates[-1] == pytest.approx(0.95**2)
    for k in range(420):
        plateau.step(1.0 - 1e-3 * (k + 1))
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.95**2), "it gets better all the time"


def test_half_a_cosine() -> None:
    settings = INRTrainConfig(
        learning_rate=1.0, schedule="cosine", final_rate=0.2, steps=101, weight_decay=0.0
    )
    assert [rate_at(step, settings.steps, settings) for step in (0, 50, 100, 200)] == pytest.approx(
        [1.0, 0.6, 0.2, 0.2]
    )


def test_progressive_weight_decay() -> None:
    settings = INRTrainConfig(
        weight_decay=8.0, prog_weight_decay_factor=2.0, prog_weight_decay_every=10
    )
    assert [weight_decay_at(e, settings) for e in (0, 9, 10, 19, 20, 30)] == [8, 8, 4, 4, 2, 1]
    assert weight_decay_at(10**6, settings) == 0
    assert weight_decay_at(10**6, INRTrainConfig(weight_decay=8.0)) == 8


def test_the_optimiser_hears_of_the_decay(sines: Path) -> None:
    plan = rig.make_plan(
        sines, weight_decay=1.0, prog_weight_decay_factor=2.0, prog_weight_decay_every=1
    )
    task = rig.trained(plan, 5)  # two batches an epoch: the fifth step begins the third one
    optimizer = task.optimizers()
    decays = [group["weight_decay"] for group in optimizer.param_groups]  # type: ignore[union-attr]
    assert decays == [0.25, 0.0]


def test_gates_open_while_it_learns(sines: Path) -> None:
    plan = rig.make_plan(
        sines, architecture="pi-gan_prog", num_groups=2, steps=40, batch_size=4,
        first_omega_0=300.0,
    )  # fmt: skip
    gates = []
    for steps in (1, 10, 21):
        gate = rig.trained(plan, steps).model.decoder.gate
        assert gate is not None
        gates.append(gate.flatten().clone())
    assert 0 < float(gates[0][0]) < 1
    assert float(gates[0][-1]) == 0
    assert float(gates[1][0]) == 1
    assert bool((gates[2] == 1).all()), "half of the epochs are over"


def test_weights_that_ran_away_stop_it(sines: Path) -> None:
    plan = rig.make_plan(sines)
    task = build_task(INR_PARTS.task, plan)
    with torch.no_grad():
        for p in task.model.parameters():
            p.mul_(1e30)
    weights = {k: v.clone() for k, v in task.model.state_dict().items()}
    with pytest.raises(DataError, match="at step 0: per_sample is"):
        fit(make_trainer(plan.training), task, INR_PARTS.stream(plan, Span(0, 1)))
    assert all(torch.equal(v, weights[k]) for k, v in task.model.state_dict().items())


def test_what_is_not_finite_takes_no_place(sines: Path, tmp_path: Path) -> None:
    plan = rig.make_plan(sines)
    task = rig.trained(plan, 1)
    task.model.latents[0, 0] = float("inf")
    keeper = Keeper(
        plan, tmp_path, task, INR_PARTS.review(plan, tmp_path, print), StopWish(),
        Console(quiet=True), None,
    )  # fmt: skip
    with pytest.raises(DataError, match="after step 1 latents holds values"):
        keeper.finish()
    assert list(tmp_path.iterdir()) == []


def test_the_term_that_went_wrong_is_named(sines: Path) -> None:
    plan = rig.make_plan(sines, deriv_per_sample=1.0)
    task = rig.trained(plan, 2)

    def nowhere(made: torch.Tensor, meant: torch.Tensor) -> torch.Tensor:
        return (made - meant).sum() * float("nan")

    task._terms = tuple(
        replace(term, measure=nowhere) if term.name == "deriv_per_sample" else term
        for term in task._terms
    )
    with pytest.raises(DataError, match="at step 2: deriv_per_sample is nan; the last good"):
        fit(make_trainer(plan.training), task, INR_PARTS.stream(plan, Span(2, 3)))
