"""One step of training: what it descends, what it moves, and that every setting acts."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
import torch
import training_rig as rig

from synth.contract import ConfigError, DataError
from synth.models.codec import Codec, CodecConfig
from training.codec.config import CodecPlan, CodecTrainConfig
from training.codec.crops import Crops, CropStream
from training.codec.losses import codec_terms
from training.codec.parts import CODEC, crop_frames
from training.codec.task import CodecTask, learning_rate_at
from training.data.library import build_library, split
from training.measures.terms import Term
from training.run.checkpoint import load_newest
from training.run.keeper import provenance
from training.run.plan import Plan
from training.run.task import seed_step
from training.run.trainer import (
    build_task,
    fit,
    make_trainer,
    multiplies_bfloat16,
    step_precision,
)
from training.train import train

MODEL = CodecConfig(
    sample_rate=16_000, channels=4, strides=(2, 4), dilations=(1,), kernel=3, latent_dim=8,
    levels=2, codebook_size=16,
)  # fmt: skip
SETTINGS = CodecTrainConfig(
    steps=4, batch_size=2, crop_seconds=0.1, mel_windows=(64, 256), warmup_steps=2, log_every=1,
    eval_seconds=1.0, statistics_seconds=1.0, accelerator="cpu", threads=1, precision="32",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rig.write_tones(tmp_path_factory.mktemp("task") / "tones", files=4)


def make_plan(folder: Path, **changes: Any) -> CodecPlan:
    settings = dataclasses.replace(SETTINGS, **changes)
    library = build_library(folder, 16_000, 1, cache=folder.parent / "cache")
    learned, held_out = split(library, settings.held_out, settings.seed)
    return Plan("codec", MODEL, settings, str(folder), library, learned, held_out)


def few_steps(plan: CodecPlan) -> CodecTask:
    """The task after the plan's steps."""
    task = build_task(CODEC.task, plan)
    crops = Crops(
        plan.learned, crop_frames(plan), plan.training.batch_size, seed=plan.training.seed
    )
    fit(make_trainer(plan.training), task, CropStream(crops, 0, plan.training.steps))
    return task


def fingerprint(task: CodecTask) -> list[float]:
    """Tells runs apart: the last losses, and a sum over the weights."""
    weights = sum(float(p.detach().double().abs().sum()) for p in task.model.parameters())
    return [*(float(v) for v in task.losses.values()), weights]


def test_every_parameter_is_trained_and_moves(folder: Path) -> None:
    plan = make_plan(folder)
    before = {
        n: p.detach().clone() for n, p in build_task(CODEC.task, plan).model.named_parameters()
    }
    task = few_steps(plan)
    optimizer = task.trainer.optimizers[0]
    covered = [p for group in optimizer.param_groups for p in group["params"]]
    assert {id(p) for p in covered} == {id(p) for p in task.parameters()}
    still = [n for n, p in task.model.named_parameters() if torch.equal(p.detach(), before[n])]
    assert still == []


def test_the_codes_move_by_themselves(folder: Path) -> None:
    plan = make_plan(folder)
    before = build_task(CODEC.task, plan).model.bottleneck.codebooks.clone()
    assert not torch.equal(few_steps(plan).model.bottleneck.codebooks, before)


def test_one_batch_can_be_learned_by_heart(folder: Path) -> None:
    """The same four crops 150 times: the mel loss must fall from over 3 to under 1.2 nepers."""
    plan = make_plan(
        folder, steps=150, batch_size=4, learning_rate=5e-3, warmup_steps=10, clip_norm=10.0
    )
    task = build_task(CODEC.task, plan)
    batch = Crops(plan.learned, crop_frames(plan), 4, seed=0).batch(0)
    with torch.no_grad():
        first = float(task.terms[1].measure(task.model.eval()(batch), batch))
    task.model.train()

    class Same(CropStream):
        def __iter__(self) -> Any:
            return iter([batch] * plan.training.steps)

    fit(make_trainer(plan.training), task, Same(Crops(plan.learned, 8, 1, seed=0), 0, 0))
    assert first > 3
    assert float(task.losses["mel"]) < 1.2


def test_the_sum_is_of_weighted_terms(folder: Path) -> None:
    plan = make_plan(folder, waveform_weight=3.0, mel_weight=0.5, commitment_weight=7.0, steps=1)
    found = few_steps(plan).losses
    total = 3 * found["waveform"] + 0.5 * found["mel"] + 7 * found["commitment"]
    assert float(found["total"]) == pytest.approx(float(total), rel=1e-5)


def test_a_further_term_is_one_more_entry(folder: Path) -> None:
    plan = make_plan(folder)
    terms = [
        *codec_terms(MODEL, plan.training),
        Term("loud", 2.0, lambda o, a: o.audio.abs().mean()),
    ]
    task = CodecTask(Codec(MODEL), terms, plan.training)
    crops = Crops(plan.learned, crop_frames(plan), 2, seed=0)
    fit(make_trainer(plan.training), task, CropStream(crops, 0, 1))
    assert float(task.losses["loud"]) > 0


def test_learning_rate_rises_then_follows_a_half_cosine() -> None:
    s = CodecTrainConfig(steps=1001, warmup_steps=100, learning_rate=0.01, final_rate=0.1)
    rates = [learning_rate_at(step, s.steps, s) for step in range(s.steps)]
    assert rates[0] == pytest.approx(0.0001)
    assert rates[99] == rates[100] == pytest.approx(0.01)
    assert rates[-1] == pytest.approx(0.001)
    assert rates[550] == pytest.approx((0.01 + 0.001) / 2, rel=1e-3)
    assert rates[:100] == sorted(rates[:100])
    assert rates[100:] == sorted(rates[100:], reverse=True)


def test_randomness_is_of_seed_step_and_rank() -> None:
    def draw(*key: int) -> float:
        seed_step(*key)
        return float(torch.rand(()))

    first = draw(1, 2, 3)
    torch.rand(5)
    assert draw(1, 2, 3) == first
    assert len({draw(1, 2, 3), draw(2, 2, 3), draw(1, 3, 3), draw(1, 2, 4)}) == 4


def test_divergence_is_said_and_stops(folder: Path) -> None:
    plan = make_plan(folder)
    terms = [Term("wrong", 1.0, lambda o, a: o.audio.mean() * math.inf)]
    task = CodecTask(Codec(MODEL), terms, plan.training)
    crops = Crops(plan.learned, crop_frames(plan), 2, seed=0)
    with pytest.raises(DataError, match=r"diverged at step 0.*learning_rate under 0\.001"):
        fit(make_trainer(plan.training), task, CropStream(crops, 0, 2))


# Another value for each setting that changes the steps themselves ...
CHANGES: dict[str, Any] = {
    "steps": 2,
    "batch_size": 3,
    "crop_seconds": 0.2,
    "seed": 1,
    "learning_rate": 0.01,
    "warmup_steps": 0,
    "final_rate": 0.9,
    "beta1": 0.1,
    "beta2": 0.5,
    "weight_decay": 1.0,
    "clip_norm": 1e-4,
    "waveform_weight": 2.0,
    "mel_weight": 2.0,
    "commitment_weight": 2.0,
    "mel_windows": (64, 512),
    "mel_bins": 8,
    "held_out": 0.5,
    "precision": "bf16-mixed",
}
# ... and those whose effect is elsewhere, each with its own test below or in another file.
ELSEWHERE = {
    "eval_every", "save_every", "log_every", "eval_seconds", "statistics_seconds", "fast",
    "patience", "keep_checkpoints", "accelerator", "devices", "nodes", "threads", "licence",
}  # fmt: skip


@pytest.fixture(scope="module")
def usual(folder: Path) -> list[float]:
    first, second = (fingerprint(few_steps(make_plan(folder))) for _ in range(2))
    assert first == second
    return first


@pytest.mark.parametrize("name", CHANGES)
def test_every_setting_acts(folder: Path, usual: list[float], name: str) -> None:
    assert fingerprint(few_steps(make_plan(folder, **{name: CHANGES[name]}))) != usual


def test_no_setting_is_forgotten() -> None:
    names = {f.name for f in dataclasses.fields(CodecTrainConfig)}
    assert set(CHANGES) | ELSEWHERE == names
    assert names >= CodecTrainConfig.RESUMABLE
    # Whoever changes the steps may not be changed by a resumed run; their number alone may.
    assert set(CHANGES) & CodecTrainConfig.RESUMABLE == {"steps"}


def test_when_things_are_written(folder: Path, tmp_path: Path) -> None:
    plan = make_plan(folder, steps=7, log_every=2, eval_every=3, save_every=4)
    train(plan, tmp_path / "run", quiet=True)
    rows = rig.rows(tmp_path / "run")
    assert sorted(rows) == [2, 3, 4, 6, 7]
    assert [s for s, r in rows.items() if r["held_out_mel_db"]] == [3, 6, 7]
    saved = sorted(p.name for p in (tmp_path / "run" / "checkpoints").iterdir())
    assert saved == ["best.pt", "step-000000004.pt", "step-000000007.pt"]
    found, _ = load_newest(tmp_path / "run" / "checkpoints")
    assert found is not None
    assert found.step == 7


def test_threads_and_devices(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plan = make_plan(folder, steps=1, threads=2)
    try:
        train(plan, tmp_path / "run", quiet=True)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    trainer = make_trainer(make_plan(folder, devices=1, nodes=1).training)
    assert (trainer.num_devices, trainer.num_nodes) == (1, 1)
    assert make_trainer(make_plan(folder, devices=2, nodes=3).training).num_devices == 2
    assert make_trainer(make_plan(folder, devices=2, nodes=3).training).num_nodes == 3
    assert trainer.strategy.root_device.type == "cpu"


def test_fast_is_the_same_up_to_rounding(folder: Path, usual: list[float]) -> None:
    plain = fingerprint(few_steps(make_plan(folder, fast=False)))
    assert plain != usual
    assert plain == pytest.approx(usual, rel=1e-3)


def test_automatic_precision_is_what_the_processor_multiplies(tmp_path: Path) -> None:
    for flags, able in (
        ("fma avx512_bf16 sse", True),
        ("amx_bf16", True),
        ("avx512f bf16x", False),
    ):
        (tmp_path / "cpuinfo").write_text(f"flags : {flags}\n")
        assert multiplies_bfloat16(tmp_path / "cpuinfo") == able
    assert not multiplies_bfloat16(tmp_path / "none")
    here = multiplies_bfloat16(Path("/proc/cpuinfo"))
    automatic = dataclasses.replace(SETTINGS, precision="auto")
    assert step_precision(automatic) == ("bf16-mixed" if here else "32")
    assert step_precision(SETTINGS) == "32"


def test_licence_travels(folder: Path) -> None:
    assert provenance(make_plan(folder, licence="CC0"), 1, {})["licence"] == "CC0"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0), ("batch_size", 0), ("crop_seconds", 0.0), ("learning_rate", 2.0),
        ("precision", "16"), ("mel_windows", ()), ("mel_windows", (100,)), ("held_out", 1.0),
        ("accelerator", "abacus"), ("clip_norm", -1.0), ("mel_bins", 1),
    ],
)  # fmt: skip
def test_values_out_of_range_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=name):
        dataclasses.replace(SETTINGS, **{name: value})
