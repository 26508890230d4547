"""Steps of both stages: what learns, what stays, how fast, and what a collapse is called."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import inverse_rig as rig
import pytest
import torch
from torch import nn

from synth.contract import ConfigError, DataError
from synth.models.inverse.encoders import PretrainedEncoder
from synth.models.inverse.flow import Flow
from synth.models.inverse.model import CALM
from synth.models.inverse.voices.sounds import numbers_of
from training.inverse.learning.average import Average
from training.inverse.learning.optimizer import make_optimizer, rate_at
from training.inverse.learning.patches import Weighing, flow_loss, head_losses, tamed
from training.inverse.learning.task import InverseTask
from training.inverse.learning.teacher import best_noise, drawn
from training.inverse.parts import INVERSE
from training.inverse.sounds.rendering import NOISES, noises, render
from training.match.distances import multi_scale_spectral
from training.measures.spectra import MultiScaleSTFT
from training.run.family import Span


def buffers(part: nn.Module) -> dict[str, torch.Tensor]:
    return {name: t.clone() for name, t in part.named_buffers()}


def moved(before: dict[str, torch.Tensor], part: nn.Module) -> list[str]:
    return [
        n for n, t in part.state_dict().items() if n in before and not torch.equal(before[n], t)
    ]


def state(part: nn.Module) -> dict[str, torch.Tensor]:
    return {name: t.clone() for name, t in part.state_dict().items()}


TAUGHT = {
    "teacher_weight": 1.0, "parameter_weight": 0.0, "flow_weight": 0.0, "frozen": True,
    "load": "x.pt", "teacher_noise": (0.5,) * 78,
}  # fmt: skip
PARTS = ("audio", "head", "flow", "parameters_encoder", "projector")


@pytest.mark.parametrize(
    ("changes", "learning"),
    [
        ({}, {"audio", "head", "flow"}),
        ({"frozen": True, "load": "x.pt"}, {"head", "flow"}),
        ({"flow_weight": 0.0}, {"audio", "head"}),
        ({"parameter_weight": 0.0}, {"audio", "flow"}),
        (TAUGHT, {"head"}),
        ({"stage": "vicreg"}, {"audio", "parameters_encoder", "projector"}),
        ({"embedding_weight": 1.0, "load": "x.pt"}, {"audio", "head", "flow"}),
        ({"spectral_weight": 1.0, "parameter_weight": 0.0, "spectral_rows": 1},
         {"audio", "head", "flow"}),
    ],
)  # fmt: skip
def test_only_what_is_to_learn_changes(changes: dict[str, Any], learning: set[str]) -> None:
    """Weights and the statistics of batch normalisations: frozen parts are in eval mode."""
    made = rig.plan(**changes)
    before = {part: state(getattr(rig.task(made).model, part)) for part in PARTS}
    found = rig.stepped(made, 2)
    changed = {part for part in PARTS if moved(before[part], getattr(found.model, part))}
    assert changed == learning


def test_statistics_of_a_frozen_encoder_do_not_move() -> None:
    made = rig.plan(frozen=True, load="x.pt")
    found = rig.task(made)
    before = buffers(found.model.audio)
    assert any("running_mean" in name for name in before)
    found.train()
    assert not any(m.training for m in found.model.audio.modules())
    assert found.model.head.training
    for batch in INVERSE.stream(made, Span(0, 2)):
        found.measure(batch)
    assert not moved(before, found.model.audio)


def losses(found: InverseTask, steps: int, rate: float = 3e-3) -> list[float]:
    """Losses of so many steps on one batch."""
    (batch,) = INVERSE.stream(rig.plan(), Span(0, 1))
    learned = [p for p in found.model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(learned, rate)
    found.train()
    made = []
    for _ in range(steps):
        torch.manual_seed(0)
        total, _ = found.measure(batch)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        made.append(float(total.detach()))
    return made


@pytest.mark.parametrize("stage", ["patches", "vicreg"])
def test_a_batch_can_be_learned(stage: str) -> None:
    found = losses(rig.task(rig.plan(stage=stage)), 60)
    assert found[-1] < 0.8 * found[0]


def test_a_collapse_is_named() -> None:
    made = rig.plan(stage="vicreg", warmup_steps=0)
    found = rig.task(made)
    for parameter in found.model.projector.parameters():
        parameter.data.mul_(1e-3)
    with pytest.raises(DataError, match=r"collapsed at step 0.*1 is meant.*variance above 25"):
        rig.losses_of(found, made)


def test_embeddings_that_vary_are_no_collapse() -> None:
    made = rig.plan(stage="vicreg", warmup_steps=0)
    assert 0.02 < rig.losses_of(rig.task(made), made)["spread"] < 2


@pytest.mark.parametrize("optimizer", ["lars", "adamw"])
def test_vectors_have_no_decay_and_lars_leaves_their_rates_alone(optimizer: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    made = rig.plan(optimizer=optimizer, learning_rate=1.0, weight_decay=0.1, batch_size=256)
    descent = make_optimizer(model, made.training, 1, fused=False)
    decays = {
        id(p): group["weight_decay"] for group in descent.param_groups for p in group["params"]
    }
    for parameter in model.parameters():
        assert decays[id(parameter)] == (0.1 if parameter.dim() > 1 else 0.0)
    if optimizer == "lars":
        before = state(model)
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, 0.01)
        descent.step()
        after = state(model)
        torch.testing.assert_close(after["1.bias"], before["1.bias"] - 0.01)
        norm, slope = before["0.weight"].norm(), 0.01 * 4
        trust = 1e-3 * norm / (slope + 0.1 * norm)
        wanted = before["0.weight"] - trust * (0.01 + 0.1 * before["0.weight"])
        torch.testing.assert_close(after["0.weight"], wanted, rtol=1e-4, atol=1e-6)


def test_the_rate_rises_in_a_line_and_falls_along_half_a_cosine() -> None:
    s = rig.plan(learning_rate=0.5, warmup_steps=10, final_rate=0.1, optimizer="adamw").training
    rates = [rate_at(step, 110, s, 1) for step in range(110)]
    assert rates[:10] == pytest.approx([0.05 * (n + 1) for n in range(10)])
    assert rates[60] == pytest.approx(0.275, abs=0.01)
    assert rates[-1] == pytest.approx(0.05)
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_the_rate_of_lars_grows_with_the_batch_of_all_processes() -> None:
    s = rig.plan(learning_rate=0.5, warmup_steps=0, optimizer="lars", batch_size=64).training
    assert rate_at(0, 10, s, 1) == pytest.approx(0.125)
    assert rate_at(0, 10, s, 8) == pytest.approx(1.0)


def test_the_average_follows_the_weights() -> None:
    model = nn.BatchNorm1d(2)
    average = Average(model, 0.9)
    with torch.no_grad():
        model.weight.fill_(3.0)
    model.num_batches_tracked += 1
    for step in range(200):
        average.update(model, step)
    torch.testing.assert_close(average.weights["weight"], torch.full((2,), 3.0))
    assert int(average.weights["num_batches_tracked"]) == 1
    with torch.no_grad():
        model.weight.fill_(4.0)
    average.update(model, 1_000)
    torch.testing.assert_close(average.weights["weight"], torch.full((2,), 3.1))


def test_the_average_goes_where_the_model_is_trained() -> None:
    """It is made before an accelerator gets the model."""
    model = nn.BatchNorm1d(2)
    average = Average(model, 0.9)
    average.update(model.to("meta"), 0)
    assert {t.device.type for t in average.weights.values()} == {"meta"}


def test_weights_of_photographs_are_read_from_the_disk_and_never_fetched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    features = nn.Conv2d(3, 20, 3, stride=2, padding=1)
    url = "https://download.pytorch.org/models/small.pth"
    module = SimpleNamespace(
        mobilenet_v3_small=lambda weights: SimpleNamespace(features=copy.deepcopy(features)),
        MobileNet_V3_Small_Weights=SimpleNamespace(DEFAULT=SimpleNamespace(url=url)),
    )
    monkeypatch.setitem(sys.modules, "torchvision", SimpleNamespace(models=module))
    monkeypatch.setitem(sys.modules, "torchvision.models", module)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    made = rig.plan(encoder="pretrained")
    with pytest.raises(ConfigError, match=f"download {url}"):
        INVERSE.prepare(made, print)
    (tmp_path / "checkpoints").mkdir()
    meant = {f"features.{name}": t + 1 for name, t in features.state_dict().items()}
    torch.save({**meant, "classifier.weight": torch.zeros(1)}, tmp_path / "checkpoints/small.pth")
    encoder = rig.task(made).model.audio.encoder
    assert isinstance(encoder, PretrainedEncoder)
    for name, tensor in encoder.features.state_dict().items():
        torch.testing.assert_close(tensor, meant[f"features.{name}"])


def test_the_loss_through_the_voice_is_the_distance_that_is_heard() -> None:
    """Of what would be proposed: without dropout, in the key that is heard, in full precision."""
    made = rig.plan(spectral_weight=1.0, spectral_rows=8, parameter_weight=0.0)
    found = rig.task(made)
    found.model.eval()
    (batch,) = INVERSE.stream(made, Span(0, 1))
    voice, hiss = found.model.voice, noises(found.model.voice.samples)[:8]
    with torch.no_grad():
        embedding = found.model.embed(voice.render(batch.units, hiss))
        with torch.autocast("cpu", torch.bfloat16):
            named = found.model.head(embedding, batch.told).float()
            found.train()
            before = state(found.model.head)
            losses = head_losses(
                found.model, batch, embedding, made.training, Weighing(found.model, made.training)
            )
        other = voice.render(found.model.keyed(named, batch.told), hiss)
        meant = voice.render(batch.units, hiss)
    expected = multi_scale_spectral(other, meant, voice.sample_rate).mean()
    assert float(losses["spectra"]) == pytest.approx(float(expected), rel=1e-4)
    assert not moved(before, found.model.head), "its statistics aren't those of the loss"
    assert found.model.head.training


def test_no_slope_of_the_spectra_outweighs_all_others() -> None:
    """A voice's own are millions of times as steep for a pitch as for an envelope."""
    made = rig.plan(spectral_weight=1.0, spectral_rows=4)
    found = rig.task(made)
    (batch,) = INVERSE.stream(made, Span(0, 1))
    voice, hiss = found.model.voice, noises(found.model.voice.samples)[:4]
    slopes = []
    for tame in (False, True):
        units = batch.units[:4].clone().clamp(0.01, 0.99).requires_grad_()
        moved = tamed(units) if tame else units
        sound = voice.render(moved, hiss)
        MultiScaleSTFT()(sound, torch.zeros_like(sound)).backward()
        assert units.grad is not None
        slopes.append(units.grad)
    row = slopes[1].abs()
    assert (row.amax(1) <= 4.001 * slopes[0].abs().median(1).values).all()
    steepest = slopes[0].abs().amax(1) / slopes[0].abs().median(1).values
    assert float(steepest.max()) > 100
    gentle = slopes[0].abs() < slopes[0].abs().median(1, keepdim=True).values
    assert torch.equal(slopes[1][gentle], slopes[0][gentle])


def test_the_teacher_is_the_noise_whose_draws_are_nearest() -> None:
    model = rig.model()
    noise = best_noise(model, 5, seed=3, sounds=6)
    numbers = numbers_of("train", 0, 6)
    audio, _, told = render(model.voice, numbers)
    hiss = noises(model.voice.samples)[[n % NOISES for n in numbers]]
    lot = CALM * torch.randn(5, 78, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        embedding = model.embed(audio)
        made = [
            model.voice.render(model.keyed(drawn(model, embedding, told, one), told), hiss)
            for one in lot
        ]
    distances = [multi_scale_spectral(m, audio, model.voice.sample_rate).mean() for m in made]
    assert len({float(d) for d in distances}) == 5
    best = lot[int(torch.stack(distances).argmin())]
    torch.testing.assert_close(torch.tensor(noise), best, atol=1e-4, rtol=0)


def test_a_head_learns_what_its_teacher_draws() -> None:
    """The flow stays as it is, and so does what it draws."""
    made = rig.plan(**TAUGHT, dropout=0.0, batch_size=32)
    found = rig.task(made)
    (batch,) = INVERSE.stream(made, Span(0, 1))
    optimizer = torch.optim.Adam(found.model.head.parameters(), 1e-2)
    found.train()
    losses = []
    for _ in range(60):
        total, terms = found.measure(batch)
        assert torch.equal(total.detach(), terms["teacher"].detach())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        losses.append(float(total.detach()))
    assert losses[-1] < losses[0] / 20


class Perfect(Flow):
    """A flow that knows the way to the one patch there is."""

    def forward(self, x: Any, time: Any, embedding: Any, told: Any) -> Any:
        return (2 * self.goal - 1 - x) / (1 - time).clamp_min(1e-6)


def test_the_loss_of_a_flow_that_knows_the_way_is_nothing() -> None:
    flow = Perfect(4, 2, 3, width=8, depth=1, tokens=2, heads=2)
    flow.goal = torch.rand(4)
    units, told = flow.goal.expand(5, 4), torch.zeros(5, 3)
    lost = flow_loss(flow, units, torch.zeros(5, 2), told, 3, torch.ones(4))
    assert float(lost) < 1e-6
    flow.goal = flow.goal.roll(1)
    assert float(flow_loss(flow, units, torch.zeros(5, 2), told, 3, torch.ones(4))) > 0.01
