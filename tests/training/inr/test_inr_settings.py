"""Every setting of a run: its flag, its default, and that another value changes something."""

from __future__ import annotations

import dataclasses
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import inr_training_rig as rig
import numpy as np
import pytest
import torch

from synth.cli.train import family_command
from synth.contract import ConfigError
from synth.models.inr import ARCHITECTURES, INR, INRConfig
from training.dry_run import dry_run_report
from training.families import TRAINING
from training.inr import parts as inr_parts
from training.inr.config import INRPlan, INRTrainConfig, run_folder
from training.inr.decoding import decoded
from training.inr.parts import INR_PARTS
from training.inr.sounds import require_fitting
from training.planning import plan_run, resolve_configs
from training.run.family import Span

# Names as coordinate networks of sounds were first trained with, and their defaults.
LIST: dict[str, Any] = {
    "wandb": False,
    "wandb_project_name": "default",
    "dataset_name": "SPEECHCOMMANDS",
    "dataset_size": 128,
    "audio_length": 16_000,
    "autoconfig": False,
    "lr": 1e-5,
    "batch_size": 32,
    "num_epochs": 5001,
    "use_gpu": True,
    "use_multi_gpu": False,
    "architecture": "pi-gan",
    "meta_architecture": "autodecoder",
    "num_latent": 256,
    "double": False,
    "weight_norm": False,
    "first_omega_0": 155.0,
    "hidden_omega_0": 390.0,
    "coord_multi": 1.0,
    "latent_init_std": 0.001,
    "latent_descent_steps": 1,
    "latent_lr": 0.3,
    "samples_per_datapoint": 8000,
    "sample_even": True,
    "per_sample": 1.0,
    "deriv_per_sample": 0.0,
    "cdpam": 1.0,
    "multiscale_STFT": 1.0,
    "weight_decay": 1.0,
    "eval_every": 500,
    "save_audio_plots": True,
    "save_latents": True,
    "save_audio": True,
    "save_model": True,
    "eval_samples": 1,
    "eval_upscale_ratio": 1,
    "save_path": "auto",
    "max_high_res_batch_size": 16,
    "note_general": "default",
    "note": "default",
    "num_groups": 0,
    "prog_weight_decay_factor": 0.0,
    "prog_weight_decay_every": 0,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rig.write_sines(tmp_path_factory.mktemp("settings") / "sines", (220, 330, 500, 800))


def option(name: str) -> click.Option:
    flag = "--" + name.replace("_", "-")
    for found in family_command("inr").params:
        if isinstance(found, click.Option) and flag in found.opts:
            return found
    raise AssertionError(f"there is no {flag}")


@pytest.mark.parametrize("name", LIST)
def test_each_has_its_flag_and_default(name: str) -> None:
    found = option(name)
    model, training = resolve_configs("inr", "paper", None, {})
    values = {**vars(training), **vars(model), "data_flag": TRAINING["inr"].data}
    assert values[found.name] == LIST[name]
    assert resolve_configs("inr", None, None, {}) == (model, training), "the preset is the list"


@pytest.mark.parametrize(("given", "meant"), [("0", False), ("1", True), ("", True)])
def test_switches_take_0_and_1(given: str, meant: bool) -> None:
    command = family_command("inr")
    words = ["FOLDER", "--weight_norm", *filter(None, [given]), "--save-audio", "0"]
    context = command.make_context("inr", words)
    assert context.params["weight_norm"] is meant
    assert context.params["save_audio"] is False
    assert str(context.params["data"]) == "FOLDER"


def test_what_data_decide_has_no_flag() -> None:
    flags = {o for p in family_command("inr").params for o in p.opts}
    assert not {"--names", "--keys", "--sounds", "--held-out", "--fast"} & flags
    with pytest.raises(ConfigError, match="held_out"):
        resolve_configs("inr", None, None, {"held_out": 0.2})


def weights(plan: INRPlan, steps: int = 6) -> dict[str, torch.Tensor]:
    return dict(rig.trained(plan, steps).model.state_dict())


def differ(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return any(
        one[name].shape != two[name].shape
        or not torch.equal(one[name].double(), two[name].double())
        for name in one.keys() & two.keys()
    )


# Setting, another value, and what both need to be a valid run.
LEARNED: list[tuple[str, Any, dict[str, Any]]] = [
    ("learning_rate", 1e-2, {}),
    ("batch_size", 4, {}),
    ("num_latent", 5, {}),
    ("architecture", "pi-gan_relu", {}),
    ("width", 12, {}),
    ("depth", 3, {}),
    ("branches", 2, {}),
    ("meta_architecture", "autoencoder", {"audio_length": 2048}),
    ("audio_length", 300, {}),
    ("sample_rate", 8000, {}),
    ("weight_norm", True, {"architecture": "pi-gan_min_mapping"}),
    ("first_omega_0", 90.0, {}),
    ("hidden_omega_0", 30.0, {}),
    ("coord_multi", 2.0, {}),
    ("num_groups", 4, {"architecture": "pi-gan_prog", "steps": 40}),
    ("latent_init_std", 0.1, {}),
    ("latent_descent_steps", 2, {}),
    ("latent_lr", 0.1, {}),
    ("second_order", True, {"latent_descent_steps": 2}),
    ("samples_per_datapoint", 64, {}),
    ("sample_even", False, {}),
    ("oversample", 2, {}),
    ("mixtures", 1.0, {}),
    ("per_sample", 2.0, {"multiscale_stft": 1.0}),
    ("deriv_per_sample", 1.0, {}),
    ("multiscale_stft", 1.0, {}),
    ("weight_decay", 1.0, {}),
    ("prog_weight_decay_factor", 4.0, {"prog_weight_decay_every": 1, "weight_decay": 1.0}),
    ("prog_weight_decay_every", 1, {"prog_weight_decay_factor": 4.0, "weight_decay": 1.0}),
    ("double", True, {}),
    ("optimizer", "adam", {}),
    ("schedule", "cosine", {}),
    ("final_rate", 0.5, {"schedule": "cosine"}),
    ("beta1", 0.5, {}),
    ("beta2", 0.9, {}),
    ("clip_norm", 1e-3, {"optimizer": "adam", "weight_decay": 1.0}),
    ("seed", 1, {}),
    ("precision", "bf16-mixed", {}),
]


@pytest.mark.parametrize(("name", "value", "needs"), LEARNED, ids=[row[0] for row in LEARNED])
def test_what_is_learned_depends_on_it(
    data: Path, name: str, value: Any, needs: dict[str, Any]
) -> None:
    base = {"prog_weight_decay_factor": 1.0} if "weight_decay_factor" in name else {}
    before = weights(rig.make_plan(data, **{**base, **needs}))
    assert not differ(before, weights(rig.make_plan(data, **{**base, **needs}))), "reproducible"
    assert differ(before, weights(rig.make_plan(data, **{**needs, name: value})))


def test_cdpam_is_asked_for_or_installed(data: Path) -> None:
    if find_spec("cdpam") is None:
        with pytest.raises(ConfigError, match="install it: pip install"):
            rig.trained(rig.make_plan(data, cdpam=1.0), 1)
    else:
        assert differ(weights(rig.make_plan(data)), weights(rig.make_plan(data, cdpam=1.0)))


def test_a_loss_whose_package_is_missing_is_left_out(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> Path:
        raise ConfigError("cdpam asks for the package cdpam, which is not installed")

    monkeypatch.setattr(inr_parts, "find_weights", missing)
    for losses in ({}, {"per_sample": 0.0}):
        report = dry_run_report(rig.make_plan(data, cdpam=1.0, **losses))
        assert any("without the loss cdpam" in note for note in report["notes"])
        assert report["config"]["training"]["cdpam"] == 1.0
        assert report["step"]["measured_rows"] == 2


def test_what_is_planned_depends_on_it(data: Path) -> None:
    """Numbers of sounds and steps, devices, and values that are known to suit."""
    plan = rig.make_plan(data, steps=0, num_epochs=10, batch_size=2)
    assert plan.training.steps == 20, "four sounds, two at a time"
    assert rig.make_plan(data, steps=0, num_epochs=11, batch_size=2).training.steps == 22
    assert rig.make_plan(data, steps=3, num_epochs=11).training.steps == 3
    assert len(rig.make_plan(data, dataset_size=3).learned) == 3
    assert len(rig.make_plan(data, dataset_size=0).learned) == 4
    assert rig.make_plan(data, use_gpu=False, accelerator="auto").training.accelerator == "cpu"
    assert rig.make_plan(data, use_gpu=True, accelerator="auto").training.accelerator == "auto"
    assert rig.make_plan(data, use_multi_gpu=True).training.devices == 0
    assert rig.make_plan(data, precision="auto", double=True).training.precision == "32"


@pytest.mark.parametrize(
    ("architecture", "name", "omegas", "rate"),
    [
        ("pi-gan", "NSYNTH.diverse_baseline", (1760, 245), 1e-5),
        ("pi-gan", "data/SpeechCommands/digits", (615, 200), 1e-5),
        ("pi-gan_wide", "somewhere", (1760, 245), 1e-5),
        ("pi-gan_prog", "SPEECHCOMMANDS", (10_000, 300), 1e-5),
        ("wavegan", "SPEECHCOMMANDS", (155, 390), 1e-4),
        ("im-net", "SPEECHCOMMANDS", (155, 390), 3e-3),
    ],
)
def test_autoconfig(
    data: Path, architecture: str, name: str, omegas: tuple[float, float], rate: float
) -> None:
    model = INRConfig(architecture=architecture, num_latent=32)
    settings = dataclasses.replace(rig.SETTINGS, autoconfig=True, learning_rate=3e-3)
    library = rig.make_plan(data).library
    found = INR_PARTS.arrange(model, settings, name, library)
    assert (found.model.first_omega_0, found.model.hidden_omega_0) == omegas
    assert found.training is not None
    assert found.training.learning_rate == rate
    assert f"learning_rate {rate:g}" in found.notes[-1]
    assert found.model.num_latent == (256 if architecture == "wavegan" else 32)


def evidence(data: Path, out: Path, **changes: Any) -> set[str]:
    """Files that an evaluation leaves, by their path in the run's folder."""
    plan = rig.make_plan(data, **changes)
    for name in ("audio", "plots"):
        (out / name).mkdir(parents=True)
    review = INR_PARTS.review(plan, out, print)
    model = INR(plan.model).eval()
    review.begin(None, lambda: model)
    review.evaluate(model, 7)
    return {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}


ALL = {
    "audio/original_0.wav", "audio/reconstruction_step_7_0.wav", "latents/sounds.csv",
    "latents/z_step_7.npy", "plots/reconstruction_step_7_0.png", "plots/overlay_step_7_0.png",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "lost", "won"),
    [
        ({}, set(), set()),
        ({"save_audio": False}, {f for f in ALL if f.startswith("audio")}, set()),
        ({"save_audio_plots": False}, {f for f in ALL if f.startswith("plots")}, set()),
        ({"save_latents": False}, {f for f in ALL if f.startswith("latents")}, set()),
        ({"eval_samples": 0}, {f for f in ALL if not f.startswith("latents")}, set()),
        ({"eval_upscale_ratio": 4}, set(), {"audio/reconstruction_step_7_0_x4.wav"}),
        (
            {"eval_samples": 2},
            set(),
            {f.replace("_0.", "_2.") for f in ALL if "_0." in f},
        ),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_what_an_evaluation_leaves(
    data: Path, tmp_path: Path, changes: dict[str, Any], lost: set[str], won: set[str]
) -> None:
    assert evidence(data, tmp_path, **changes) == (ALL - lost) | won


def test_what_is_measured(data: Path, tmp_path: Path) -> None:
    """A tenth of a second is three of four sounds, of different loudness."""
    figures = {}
    for seconds in (0.1, 1.0):
        plan = rig.make_plan(
            data, eval_seconds=seconds, save_audio=False, save_audio_plots=False,
            save_latents=False,
        )  # fmt: skip
        review = INR_PARTS.review(plan, tmp_path, print)
        figures[seconds] = review.evaluate(INR(plan.model).eval(), 1)
        assert tuple(figures[seconds]) == ("eval_mse", "eval_stft", "eval_silence")
        assert set(review.columns) == set(figures[seconds])
        assert review.keeps_model
    assert figures[0.1]["eval_mse"] != figures[1.0]["eval_mse"]
    assert not INR_PARTS.review(rig.make_plan(data, save_model=False), tmp_path, print).keeps_model


@pytest.mark.parametrize("rows", [1, 2, 16])
def test_as_many_sounds_at_a_time(data: Path, rows: int) -> None:
    plan = rig.make_plan(data)
    model = INR(plan.model).eval()
    asked: list[int] = []
    modulate = model.decoder.mapping.register_forward_hook(lambda m, x, y: asked.append(len(x[0])))
    made = decoded(model, model.latents, ratio=2, rows=rows)
    modulate.remove()
    assert asked == [min(rows, 4)] * -(-4 // rows)
    assert made.shape == (4, 2 * rig.LENGTH)
    with torch.no_grad():
        t = model.coordinates(torch.arange(rig.LENGTH)).expand(4, -1)
        assert torch.allclose(made[:, ::2], model(model.latents, t), atol=1e-5)


def test_where_a_run_goes(data: Path) -> None:
    plan = rig.make_plan(data)
    assert run_folder(plan) == Path("results/default/sines/pi-gan/autodecoder")
    named = rig.make_plan(data, note_general="../first try")
    assert run_folder(named) == Path("results/.._first_try/sines/pi-gan/autodecoder")
    assert run_folder(rig.make_plan(data, save_path="x/y")) == Path("x/y")
    fetched = dataclasses.replace(plan, data="NSYNTH.diverse_baseline")
    assert run_folder(fetched).parts[2] == "NSYNTH.diverse_baseline"


def test_a_preset_brings_settings_of_the_run_and_flags_win() -> None:
    _, small = resolve_configs("inr", "small", None, {"learning_rate": 0.25})
    assert isinstance(small, INRTrainConfig)
    assert small.cdpam == 0
    assert small.learning_rate == 0.25


def test_epochs_said_later_stand_for_steps_said_before(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("steps: 100\nnum_epochs: 3\n")
    assert resolve_configs("inr", None, file, {})[1].steps == 100
    assert resolve_configs("inr", None, file, {"num_epochs": 5})[1].steps == 0
    assert resolve_configs("inr", None, file, {"num_epochs": 5, "steps": 7})[1].steps == 7


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"sample_even": False, "multiscale_stft": 1.0}, "multiscale_stft"),
        ({"sample_even": False, "deriv_per_sample": 1.0}, "deriv_per_sample"),
        ({"double": True, "precision": "bf16-mixed"}, "precision"),
        ({"per_sample": 0.0}, "every loss has weight 0"),
        ({"prog_weight_decay_every": 2}, "prog_weight_decay_factor"),
        ({"optimizer": "sgd"}, "optimizer"),
        ({"schedule": "linear"}, "schedule"),
        ({"architecture": "wavegan", "width": 0, "depth": 0, "audio_length": 16_000,
          "oversample": 2}, "oversample"),
        ({"architecture": "wavegan", "width": 0, "depth": 0, "audio_length": 16_000,
          "tune": True}, "tune"),
        ({"devices": 5}, "5 devices"),
        ({"tune": True, "devices": 2}, "tune needs one device"),
        ({"tune": True, "autoconfig": True}, "leave one of them out"),
        ({"tune": True, "architecture": "im-net", "width": 0, "depth": 0}, "im-net has none"),
    ],
)  # fmt: skip
def test_what_does_not_go_together(data: Path, changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        rig.make_plan(data, **changes)


def test_what_is_said_of_the_sounds(tmp_path: Path) -> None:
    rig.write_sines(tmp_path / "mixed", (220,), 300)
    rig.write_sines(tmp_path / "mixed", (330, 500), 900)
    plan = rig.make_plan(tmp_path / "mixed", samples_per_datapoint=800)
    said = "\n".join(plan.notes)
    assert "dataset_size is 128, 3 sounds are there" in said
    assert "2 sounds are longer than 512 samples: cropped" in said
    assert "1 sounds are shorter than 512 samples: zeros" in said
    assert "none is held out" in said
    assert "samples_per_datapoint is 800, 512 are used" in said
    assert len(plan.notes) == 5
    assert plan.model.names == ("sine",) * 3
    assert plan.model.keys == (57, 64, 71)
    short = INR_PARTS.stream(plan, Span(0, 4))
    for batch in short:
        for row, target in zip(batch.items, batch.target, strict=True):
            tail = target[300:]
            assert bool((tail == 0).all()) == (row == 0)


def test_fewer_sounds_are_spread_over_all(tmp_path: Path) -> None:
    rig.write_sines(tmp_path / "many", tuple(220 * 2 ** (k / 12) for k in range(12)))
    plan = rig.make_plan(tmp_path / "many", dataset_size=4)
    assert list(np.diff(plan.model.keys)) == [3, 3, 3]
    assert plan.notes == ("4 of 12 sounds are learned, none is held out",)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("preset", [None, "paper", "small"])
def test_presets_go_with_every_architecture(architecture: str, preset: str | None) -> None:
    model, training = resolve_configs("inr", preset, None, {"architecture": architecture})
    require_fitting(model, training)
    if not model.row.omegas:
        assert model.first_omega_0 == INRConfig.first_omega_0


def test_what_somebody_types_is_still_refused() -> None:
    with pytest.raises(ConfigError, match="width is 64"):
        resolve_configs("inr", "small", None, {"architecture": "im-net", "width": 64})


def test_joined_latents_move_slowly_unless_told_otherwise() -> None:
    def rate(base: dict[str, Any] | None = None, **flags: Any) -> float:
        found = resolve_configs("inr", flags.pop("preset", None), None, flags, base)[1]
        assert isinstance(found, INRTrainConfig)
        return found.latent_lr

    assert rate() == 0.3
    assert rate(preset="small") == 4.0
    for architecture in ("siren", "pi-gan_concat_middle", "pi-gan_concat_all"):
        assert rate(architecture=architecture) == 1e-5
        assert rate(architecture=architecture, preset="small") == 1e-5
        assert rate(architecture=architecture, latent_lr=0.2) == 0.2
        assert rate({"architecture": architecture, "latent_lr": 0.1}) == 0.1, "a resumed run"


IDLE: list[tuple[dict[str, Any], str]] = [
    ({"prog_weight_decay_factor": 2.0}, "prog_weight_decay_every is 0"),
    ({"architecture": "im-net", "first_omega_0": 30.0, "width": 0, "depth": 0}, "no omegas"),
    ({"second_order": True}, "latent_descent_steps is 1"),
    ({"meta_architecture": "autoencoder", "audio_length": 2048, "latent_lr": 1.0}, "encoder"),
    ({"final_rate": 0.5}, "schedule is plateau"),
    ({"wandb_project_name": "mine"}, "wandb is off"),
]


@pytest.mark.parametrize(("given", "why"), IDLE)
def test_settings_that_change_nothing_are_named(
    data: Path, given: dict[str, Any], why: str
) -> None:
    small = {"audio_length": 512, "width": 8, "depth": 2, "cdpam": 0.0, "use_gpu": False}
    cache = data.parent / "cache"

    def notes(flags: dict[str, Any]) -> list[str]:
        plan = plan_run("inr", data, flags=flags, cache=cache)
        return [note for note in plan.notes if "changes nothing" in note]

    assert notes(small) == []
    found = notes({**small, **given})
    assert len(found) == 1
    assert why in found[0]
    assert found[0].split()[0] in given


def test_a_resumed_run_keeps_its_names_and_keys(data: Path, tmp_path: Path) -> None:
    """They were read by other rules, or from names that have changed; another run reads its own."""
    plan = rig.make_plan(data)
    names, keys = ("a", "a", "b", "b"), (60.0, 61.25, -1.0, 3.0)
    again = rig.make_plan(data, sounds=4, names=names, keys=keys)
    assert (again.model.names, again.model.keys) == (names, keys)
    (tmp_path / "config.yaml").write_text("model: {sounds: 2, names: [a, b], keys: [1.0, 2.0]}")
    fresh, _ = resolve_configs("inr", None, tmp_path / "config.yaml", {})
    assert (fresh.names, fresh.keys) == ((), ())
    assert set(plan.model.names) == {"sine"}
