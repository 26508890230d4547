"""A step of SampleRNN training: what it descends, and that every setting acts."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import recording_rig as rig
import torch
import training_rig
from torch.nn import functional as F

from synth.contract import ConfigError
from synth.models.samplernn import SampleRNN, SampleRNNConfig
from training.run.family import Span
from training.run.trainer import build_task, fit, make_trainer
from training.samplernn.config import SampleRNNTrainConfig
from training.samplernn.fast import predict
from training.samplernn.likelihood import likelihood
from training.samplernn.parts import SAMPLERNN
from training.samplernn.task import SampleRNNTask, learning_rate_at
from training.samplernn.windows import Batch
from training.train import train


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rig.write_song(tmp_path_factory.mktemp("task") / "song.wav")


def few_steps(song: Path, **changes: Any) -> SampleRNNTask:
    """The task after the steps of a plan."""
    plan = rig.make_plan(song, **changes)
    task = build_task(SAMPLERNN.task, plan)
    stream = SAMPLERNN.stream(plan, Span(0, plan.training.steps))
    fit(make_trainer(plan.training), task, stream)
    assert isinstance(task, SampleRNNTask)
    return task


def fingerprint(task: SampleRNNTask) -> list[float]:
    """Tells runs apart: the last losses, and a sum over the weights."""
    weights = sum(float(p.detach().double().abs().sum()) for p in task.model.parameters())
    return [*(float(v) for v in task.losses.values()), weights]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"weight_norm": True, "skip": True, "embed_size": 0},
        {"frame_sizes": (2, 2, 3), "rnn": "lstm", "learned_state": True},
        {"labels": ("a", "b"), "hidden_size": 3},  # more frames than units: the other product
    ],
)
def test_fast_is_the_model_and_so_are_its_gradients(changes: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model = SampleRNN(dataclasses.replace(rig.MODEL, rnn_layers=2, **changes)).double()
    codes = torch.randint(1, 32, (2, model.context + 4 * model.hop))
    features = torch.rand(2, 4, model.config.feature_count).double()
    given = features if model.config.feature_count else None
    found = []
    for forward in (SampleRNN.__call__, predict):
        model.zero_grad()
        logits, state = forward(model, codes, None, given)
        (logits.square().mean() + sum(s.double().mean() for s in state.values())).backward()
        grads = [torch.zeros(1) if p.grad is None else p.grad for p in model.parameters()]
        found.append([logits.detach(), *state.values(), *[g.clone() for g in grads]])
    for a, b in zip(*found, strict=True):
        assert torch.allclose(a.double(), b.double(), rtol=1e-9, atol=1e-12)


def test_loss_is_the_cross_entropy_of_every_sample(song: Path) -> None:
    plan = rig.make_plan(song, steps=1)
    task = build_task(SAMPLERNN.task, plan)
    batch = next(iter(SAMPLERNN.stream(plan, Span(0, 1))))
    loss, found = task.measure(batch)
    codes = task.model.encode(batch.audio)
    chances = torch.softmax(task.model(codes)[0], -1)
    meant = codes[:, 4:]
    nats = -chances.gather(-1, meant[..., None]).log().mean()
    assert loss.item() == pytest.approx(nats.item(), rel=1e-4)
    assert found["bits"].item() == pytest.approx(nats.item() / math.log(2), rel=1e-4)
    right = (chances.argmax(-1) == meant).float().mean()
    assert float(found["accuracy"]) == pytest.approx(float(right))


def test_a_silent_predictor_costs_the_logarithm_of_the_levels(song: Path) -> None:
    """Equal chances for 32 codes are 5 bits, in training and on held-out audio."""
    plan = rig.make_plan(song)
    task = build_task(SAMPLERNN.task, plan)
    with torch.no_grad():
        task.model.predictor.output.weight.zero_()
        task.model.predictor.output.bias.zero_()
    batch = next(iter(SAMPLERNN.stream(plan, Span(0, 1))))
    assert task.measure(batch)[1]["bits"].item() == pytest.approx(5.0)
    held = likelihood(task.model, plan.held_out, None, seconds=1.0, frames=2, rows=1)
    assert held.bits == pytest.approx(5.0)


def test_held_out_likelihood_does_not_depend_on_how_it_is_cut(song: Path) -> None:
    """The state goes on from window to window, so their size is a matter of memory alone."""
    plan = rig.make_plan(song, held_out=0.5)
    model = few_steps(song, steps=30).model.eval()
    one, two = (
        likelihood(model, plan.held_out, None, seconds=0.4, frames=frames, rows=rows)
        for frames, rows in ((1600 // 4, 2), (16, 1))
    )
    assert one.loss == pytest.approx(two.loss, rel=1e-3)
    model.scale.fill_(1e-3)  # as good as silence: another likelihood
    other = likelihood(model, plan.held_out, None, seconds=0.4, frames=16, rows=1)
    assert other.loss != pytest.approx(one.loss, rel=0.05)


def test_carried_state_is_one_long_window(song: Path) -> None:
    plan = rig.make_plan(song, carry_state=True)
    task = build_task(SAMPLERNN.task, plan)
    long = torch.from_numpy(plan.learned[0].open()[:, : 4 + 3 * 32].copy())
    losses = []
    for first in (0, 32, 64):
        batch = Batch(long[:, first : first + 36], None, torch.tensor([first == 0]))
        losses.append(task.measure(batch)[0].item())
    codes = task.model.encode(long)
    whole = F.cross_entropy(task.model(codes)[0].flatten(0, 1), codes[:, 4:].flatten())
    assert np.mean(losses) == pytest.approx(whole.item(), rel=1e-5)
    afresh = Batch(long[:, 64:], None, torch.tensor([True]))
    assert task.measure(afresh)[0].item() != pytest.approx(losses[2], rel=1e-6)


def test_gradients_end_where_the_window_began(song: Path) -> None:
    plan = rig.make_plan(song, carry_state=True)
    task = build_task(SAMPLERNN.task, plan)
    for batch in SAMPLERNN.stream(plan, Span(0, 3)):
        task.measure(batch)[0].backward()  # would fail on the graph of the step before
    carried = task.extra_state()["carried"]
    assert not any(tensor.requires_grad for tensor in carried.values())


def test_schedules() -> None:
    def rates(**changes: Any) -> list[float]:
        s = SampleRNNTrainConfig(steps=101, learning_rate=0.01, final_rate=0.1, **changes)
        return [learning_rate_at(step, s.steps, s) for step in range(101)]

    assert set(rates()) == {0.01}
    cosine = rates(schedule="cosine")
    assert cosine[0] == pytest.approx(0.01)
    assert cosine[50] == pytest.approx(0.0055)
    assert cosine[-1] == pytest.approx(0.001)
    assert cosine == sorted(cosine, reverse=True)


def test_a_plateau_halves_the_rate_down_to_its_floor() -> None:
    settings = SampleRNNTrainConfig(schedule="plateau", plateau=2, final_rate=0.3)
    task = SampleRNNTask(SampleRNN(rig.MODEL), settings)
    rates = []
    for unimproved in (0, 1, 2, 3, 4, 0, 1, 2, 3, 4):
        task.judge(unimproved)
        rates.append(task.learning_rate(0) / settings.learning_rate)
    assert rates == [1, 1, 0.5, 0.5, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3]
    again = SampleRNNTask(SampleRNN(rig.MODEL), settings)
    again.load_extra_state(task.extra_state())
    assert again.learning_rate(0) == task.learning_rate(0)


def test_patience_ends_a_run_that_gets_no_better(song: Path, tmp_path: Path) -> None:
    plan = rig.make_plan(song, steps=50, eval_every=2, patience=3, learning_rate=0.0)
    outcome = train(plan, tmp_path / "run", quiet=True)
    assert outcome.step == 8, "the first evaluation is the best, three more are not"
    assert outcome.model.exists()
    assert max(training_rig.rows(tmp_path / "run")) == 8


def test_all_checkpoints_can_stay(song: Path, tmp_path: Path) -> None:
    plan = rig.make_plan(song, steps=5, checkpoint_every=1, keep_checkpoints=0)
    train(plan, tmp_path / "run", quiet=True)
    assert len(list((tmp_path / "run" / "checkpoints").glob("step-*.pt"))) == 5


# Another value for each setting that changes the steps themselves ...
CHANGES: dict[str, Any] = {
    "steps": 2,
    "batch_size": 3,
    "seed": 1,
    "learning_rate": 0.01,
    "beta1": 0.1,
    "beta2": 0.5,
    "weight_decay": 1.0,
    "clip_norm": 1e-5,
    "held_out": 0.5,
    "precision": "bf16-mixed",
    "num_frames": 4,
    "schedule": "cosine",
    "carry_state": True,
}
# ... and those whose effect is elsewhere, each with its own test above or in another file.
ELSEWHERE = {
    "eval_every", "log_every", "eval_seconds", "patience", "keep_checkpoints", "fast",
    "accelerator", "devices", "nodes", "threads", "licence", "final_rate", "plateau", "label_by",
    "generate_every", "checkpoint_every", "length", "num_generated", "temperature",
}  # fmt: skip


@pytest.fixture(scope="module")
def usual(song: Path) -> list[float]:
    first, second = (fingerprint(few_steps(song)) for _ in range(2))
    assert first == second
    return first


@pytest.mark.parametrize("name", CHANGES)
def test_every_setting_acts(song: Path, usual: list[float], name: str) -> None:
    assert fingerprint(few_steps(song, **{name: CHANGES[name]})) != usual


def test_no_setting_is_forgotten() -> None:
    names = {f.name for f in dataclasses.fields(SampleRNNTrainConfig)}
    assert set(CHANGES) | ELSEWHERE == names
    assert set(CHANGES) & SampleRNNTrainConfig.RESUMABLE == {"steps"}
    assert names >= SampleRNNTrainConfig.RESUMABLE


def test_fast_trains_the_same(song: Path, usual: list[float]) -> None:
    assert fingerprint(few_steps(song, fast=False)) == pytest.approx(usual, rel=1e-4)


def test_every_parameter_moves(song: Path) -> None:
    model = dataclasses.replace(rig.MODEL, frame_sizes=(2, 2), learned_state=True)
    plan = rig.make_plan(song, model, steps=3)
    before = {
        n: p.detach().clone() for n, p in build_task(SAMPLERNN.task, plan).model.named_parameters()
    }
    task = build_task(SAMPLERNN.task, plan)
    fit(make_trainer(plan.training), task, SAMPLERNN.stream(plan, Span(0, 3)))
    still = [n for n, p in task.model.named_parameters() if torch.equal(p.detach(), before[n])]
    assert still == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_frames", 0), ("schedule", "linear"), ("length", 0.0), ("num_generated", 0),
        ("temperature", -1.0), ("label_by", "colour"), ("patience", -1), ("plateau", 0),
        ("generate_every", 0), ("checkpoint_every", 0), ("final_rate", 2.0),
    ],
)  # fmt: skip
def test_values_out_of_range_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=name):
        dataclasses.replace(rig.SETTINGS, **{name: value})


def test_carried_state_is_for_one_device() -> None:
    with pytest.raises(ConfigError, match="carry_state needs 1 device, got devices 2"):
        SampleRNNTrainConfig(carry_state=True, devices=2)


def test_a_melody_is_learned(tmp_path: Path) -> None:
    """A steady tone of 16 samples a period becomes all but certain: under 1 of 5 bits."""
    song = rig.write_song(tmp_path / "tone.wav", hz=1000.0)
    plan = rig.make_plan(
        song, SampleRNNConfig(**{**dataclasses.asdict(rig.MODEL), "hidden_size": 32}),
        steps=150, batch_size=8, num_frames=16, learning_rate=5e-3,
    )  # fmt: skip
    task = build_task(SAMPLERNN.task, plan)
    fit(make_trainer(plan.training), task, SAMPLERNN.stream(plan, Span(0, 150)))
    assert float(task.losses["bits"]) < 1.0
