"""Every setting of a run changes something, or is named as one that doesn't."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import inverse_rig as rig
import pytest
import torch

from synth.contract import ConfigError
from training.families import TRAINING
from training.inverse.config import SPECTRAL_LOSSES, InverseTrainConfig
from training.inverse.idle import idle_settings
from training.inverse.learning.optimizer import rate_at
from training.inverse.parts import INVERSE
from training.match.losses import LOSSES
from training.planning import plan_run, resolve_configs
from training.run.config import TrainConfig
from training.run.family import Span

LOADED = {"load": "x.pt"}
TAUGHT = {**LOADED, "flow_weight": 0.0}
# A value that isn't the rig's, and what else has to be set so that it counts.
STEPS: dict[str, tuple[Any, dict[str, Any]]] = {
    "stage": ("vicreg", {}),
    "frozen": (True, LOADED),
    "flow_weight": (3.0, {}),
    "flow_times": (3, {}),
    "parameter_weight": (3.0, {}),
    "embedding_weight": (3.0, LOADED),
    "spectral_weight": (3.0, {}),
    "spectral_loss": ("stft", {"spectral_weight": 1.0}),
    "spectral_rows": (2, {"spectral_weight": 1.0}),
    "teacher_weight": (3.0, TAUGHT),
    "teacher_noise": (tuple(0.1 * n for n in range(78)), {**TAUGHT, "teacher_weight": 1.0}),
    "audibility": (tuple(float(n + 1) for n in range(78)), {"audible": True}),
    "invariance": (3.0, {"stage": "vicreg"}),
    "variance": (3.0, {"stage": "vicreg"}),
    "covariance": (3.0, {"stage": "vicreg"}),
    "init": ("xavier_normal", {}),
    "micro_batch": (4, {}),
    "stock": (16, {}),
    "reuse": (4, {}),
    "batch_size": (4, {}),
    "seed": (1, {}),
}
MODEL: dict[str, tuple[Any, dict[str, Any]]] = {
    "voice": ("fm", {}),
    "nebula": ("drum", {}),
    "frontend": ("log_stft", {}),
    "bands": (20, {}),
    "window": (256, {}),
    "hop": (512, {}),
    "encoder": ("sample", {"frontend": "waveform"}),
    "dim": (8, {}),
    "widths": ((8, 16), {}),
    "depths": ((1, 1), {}),
    "expansion": (3, {}),
    "patch": (2, {}),
    "dilations": ((2,), {}),
    "waveform": ("sample", {"stage": "vicreg"}),
    "dropout": (0.5, {}),
    "projection": ((8, 8), {"stage": "vicreg"}),
    "flow": ("plain", {}),
    "flow_width": (8, {}),
    "flow_depth": (2, {}),
    "flow_tokens": (3, {}),
    "flow_heads": (1, {}),
    "sample_rate": (16_000, {}),
}
FOUND_OUT = {"audibility", "teacher_noise"}  # before the first step
ELSEWHERE = {
    "load", "loaded_steps", "teacher_noises", "optimizer", "warmup_steps", "final_rate", "average",
    "workers", "save_every", "audible", "eval_seconds", "learning_rate", "weight_decay",
    "clip_norm",
}  # fmt: skip


def result(changes: dict[str, Any]) -> dict[str, float]:
    """Losses of a run after two steps."""
    found_out = {k: v for k, v in changes.items() if k in FOUND_OUT}
    made = rig.plan(**{k: v for k, v in changes.items() if k not in FOUND_OUT})
    found_out = {"teacher_noise": (0.0,) * len(rig.model().voice.names), **found_out}
    made = dataclasses.replace(made, training=dataclasses.replace(made.training, **found_out))
    found = rig.stepped(made, 2)
    weights = torch.stack([p.double().sum() for p in found.model.parameters()])
    return {
        **{n: float(t) for n, t in found.losses.items()},
        "weights": float(weights.detach().sum()),
    }


@pytest.mark.parametrize("name", STEPS)
def test_a_setting_changes_the_steps(name: str) -> None:
    value, beside = STEPS[name]
    before = {"encoder": "mobile"} | beside
    assert result(before) != result({**before, name: value})


@pytest.mark.parametrize("name", MODEL)
def test_a_setting_of_the_model_changes_the_steps(name: str) -> None:
    value, beside = MODEL[name]
    if name == "encoder":
        beside = {**beside, "encoder": "multiresolution"}
    assert result(beside) != result({**beside, name: value})


def test_every_setting_has_a_test() -> None:
    own = {f.name for f in dataclasses.fields(InverseTrainConfig)}
    shared = {f.name for f in dataclasses.fields(TrainConfig)}
    assert own - shared <= {*STEPS, *ELSEWHERE}
    model = {f.name for f in dataclasses.fields(rig.CONFIG)}
    assert model - {"audio_channels"} == set(MODEL)


@pytest.mark.parametrize(
    ("name", "value"), [("warmup_steps", 4), ("final_rate", 0.5), ("optimizer", "lars")]
)
def test_the_course_of_the_rate_follows_the_settings(name: str, value: object) -> None:
    def rates(**changes: Any) -> list[float]:
        settings = rig.plan(**changes).training
        return [rate_at(step, 8, settings, 1) for step in range(8)]

    assert rates() != rates(**{name: value})


def test_audible_weights_are_measured_before_the_first_step() -> None:
    said: list[str] = []
    made = INVERSE.prepare(rig.plan(audible=True), said.append)
    names = rig.model().voice.names
    weights = dict(zip(names, made.training.audibility, strict=True))
    assert said
    assert sum(weights.values()) / len(weights) == pytest.approx(1.0, abs=1e-3)
    assert weights["vco_2_tuning"] > 2 * weights["vco_1_initial_phase"]
    assert weights["keyboard_midi_f0"] > weights["lfo_1_rate_release"]
    assert not INVERSE.prepare(rig.plan(), said.append).training.audibility
    by_ear = rig.plan(audible=True, parameter_weight=0.0, flow_weight=0.0, spectral_weight=1.0)
    assert not INVERSE.prepare(by_ear, said.append).training.audibility, "nothing needs them"


@pytest.mark.parametrize("part", ["head", "parameters_encoder", "projector"])
@pytest.mark.parametrize("init", ["default", "xavier_normal", "xavier_uniform"])
def test_init_is_how_the_weights_begin(part: str, init: str) -> None:
    """Xavier's variance is 2 / (inputs + outputs); torch's own, 1 / (3 inputs)."""
    model = rig.task(rig.plan(init=init, dim=64, projection=(96, 96))).model
    layers = [m for m in getattr(model, part).modules() if isinstance(m, torch.nn.Linear)]
    assert len(layers) >= 2
    for layer in layers:
        outputs, inputs = layer.weight.shape
        variance = 1 / (3 * inputs) if init == "default" else 2 / (inputs + outputs)
        assert float(layer.weight.detach().var()) == pytest.approx(variance, rel=0.1)


def test_the_losses_through_the_voice_are_those_that_matching_refines_by() -> None:
    assert set(SPECTRAL_LOSSES) == set(LOSSES)


def test_two_bands_are_the_least() -> None:
    assert rig.plan(frontend="pqmf", bands=2).model.bands == 2
    with pytest.raises(ConfigError, match="bands is 1"):
        rig.plan(frontend="pqmf", bands=1)


IDLE: list[tuple[dict[str, Any], set[str]]] = [
    ({"stage": "vicreg"}, {"flow_weight", "flow_times", "frozen", "beta1", "flow_width"}),
    ({}, {"invariance", "waveform", "projection", "spectral_rows", "spectral_loss"}),
    ({"parameter_weight": 0.0}, {"init"}),
    ({}, {"teacher_noises"}),
    ({"parameter_weight": 0.0, "flow_weight": 0.0, "spectral_weight": 1.0}, {"audible"}),
    ({"flow": "plain"}, {"flow_tokens", "flow_heads"}),
    ({"flow_weight": 0.0}, {"flow_times", "flow_depth"}),
    ({"frontend": "waveform", "encoder": "sample"}, {"bands", "window", "hop", "patch"}),
    ({"frontend": "pqmf", "bands": 3}, {"window", "hop"}),
    ({"optimizer": "lars"}, {"beta1", "beta2"}),
    ({"reuse": 1}, {"stock"}),
]


@pytest.mark.parametrize(("changes", "idle"), IDLE)
def test_settings_that_change_nothing_are_named(changes: dict[str, Any], idle: set[str]) -> None:
    made = rig.plan(**changes)
    found = idle_settings(made.model, made.training)
    assert idle <= set(found)
    assert not set(changes) & set(found)


def test_a_setting_that_is_given_and_idle_is_told() -> None:
    notes = rig.plan(projection=(8,)).notes
    assert "projection changes nothing: stage is patches" in notes


def test_rates_suit_the_optimiser_unless_they_are_given() -> None:
    def chosen(**flags: Any) -> tuple[float, float]:
        s: Any = resolve_configs("inverse", "tiny", None, flags)[1]
        return s.learning_rate, s.weight_decay

    plain = chosen()
    assert chosen(optimizer="lars") == chosen(stage="vicreg") != plain
    assert chosen(stage="vicreg", optimizer="adamw") == plain
    assert chosen(stage="vicreg", learning_rate=0.5)[0] == 0.5


@pytest.mark.parametrize(
    ("name", "value"),
    [("stage", "both"), ("optimizer", "sgd"), ("init", "zeros"), ("spectral_loss", "sum"),
     ("batch_size", 1), ("reuse", 0), ("average", 1.0), ("flow_times", 0), ("widths", (0, 8)),
     ("widths", ()), ("depths", (-1, 1)), ("dilations", ()), ("dilations", (0,)),
     ("projection", (0,)), ("voice", "nonsense")],
)  # fmt: skip
def test_a_value_out_of_range_is_refused(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"{name} is"):
        rig.plan(**{name: value})


def test_bands_of_a_pqmf_are_few() -> None:
    with pytest.raises(ConfigError, match="2 … 31"):
        rig.plan(frontend="pqmf", bands=128)


HIDDEN = {"held_out", "fast", "audibility", "teacher_noise", "loaded_steps"}


def test_what_the_run_decides_has_no_flag(tmp_path: Path) -> None:
    assert TRAINING["inverse"].hidden == HIDDEN
    (tmp_path / "config.yaml").write_text(
        "training: {audibility: [1.0, 2.0], audible: true, loaded_steps: 5}\n"
    )
    made: Any = plan_run("inverse", None, file=tmp_path / "config.yaml", flags=rig.MODEL)
    prepared = INVERSE.prepare(made, lambda text: None)
    assert len(prepared.training.audibility) == 78, "those of another run don't count"
    assert prepared.training.loaded_steps == 0


def test_a_batch_beyond_memory_is_encoded_in_pieces() -> None:
    """Without what a gradient needs of all of it."""
    made = rig.plan(stage="vicreg", micro_batch=2)
    found = rig.task(made)
    (batch,) = INVERSE.stream(made, Span(0, 1))
    kept: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: kept.append(t.numel()) or t, lambda t: t
    ):
        found.embedded(found.model.audio, batch.gram, batch.audio)
    whole: list[int] = []
    task = rig.task(rig.plan(stage="vicreg"))
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: whole.append(t.numel()) or t, lambda t: t
    ):
        task.embedded(task.model.audio, batch.gram, batch.audio)
    assert sum(kept) < sum(whole) / 4
