"""A run of coordinate networks from the command line: what it writes, and how it goes on."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import inr_training_rig as rig
import numpy as np
import pytest
import soundfile
import torch
import training_rig
import yaml
from rich.console import Console

from synth.models.inr import INR
from synth.models.package import unpack
from training.inr.parts import INR_PARTS
from training.inr.review import INRReview
from training.run.checkpoint import load_newest
from training.run.family import Span
from training.run.folder import open_folder
from training.run.keeper import Keeper
from training.run.progress import Logger
from training.run.stopping import StopWish
from training.run.trainer import build_task, fit, make_trainer


@pytest.fixture(scope="module")
def sines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rig.write_sines(tmp_path_factory.mktemp("run") / "sines", (220, 330, 500, 800))


@pytest.fixture(scope="module")
def finished(sines: Path) -> tuple[Path, str]:
    """A run of six steps that nobody disturbed, and what it said."""
    out = sines.parent / "finished"
    given = rig.arguments(sines, out, eval_upscale_ratio="3", eval_samples="2")
    done = training_rig.run(given, sines.parent / "log")
    assert done.wait() == 0, done.said
    return out, done.said


def resume(sines: Path, out: Path, *more: str) -> training_rig.Run:
    given = ["train", "inr", "-o", str(out), "--resume", "--cache", str(sines.parent / "cache")]
    return training_rig.run([*given, *more], out.with_suffix(".log2"))


def test_the_folder(finished: tuple[Path, str]) -> None:
    out, said = finished
    found = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    steps, shown = (3, 6), (0, 2)
    assert {name for name in found if not name.startswith("tensorboard")} == {
        "config.yaml", "metrics.csv", "model.pt", "latents/sounds.csv",
        "checkpoints/best.pt", "checkpoints/step-000000003.pt", "checkpoints/step-000000006.pt",
        *(f"latents/z_step_{s}.npy" for s in steps),
        *(f"audio/original_{i}.wav" for i in shown),
        *(f"audio/reconstruction_step_{s}_{i}{x}.wav"
          for s in steps for i in shown for x in ("", "_x3")),
        *(f"plots/{name}_step_{s}_{i}.png"
          for s in steps for i in shown for name in ("overlay", "reconstruction")),
    }  # fmt: skip
    assert "all 4 sounds are learned, none is held out" in said
    assert "of silence" in said
    assert "Warning" not in said


def test_figures(finished: tuple[Path, str]) -> None:
    rows = training_rig.rows(finished[0])
    assert sorted(rows) == [1, 2, 3, 4, 5, 6]
    for row in rows.values():
        assert float(row["loss"]) == pytest.approx(float(row["per_sample"]), rel=1e-6)
        assert float(row["gradient_norm"]) > 0
    assert [step for step, row in rows.items() if row["eval_mse"]] == [3, 6]
    # Four tones of 512 samples at an amplitude of a half.
    assert float(rows[6]["eval_silence"]) == pytest.approx(512 * 0.5**2 / 2, rel=0.02)
    assert float(rows[6]["eval_in_band"]) > 0
    assert float(rows[6]["eval_above_db"]) >= 0


def test_pairs_are_right(finished: tuple[Path, str]) -> None:
    """Files of a number belong to the sound and the latent of that row, at their own rates."""
    out, _ = finished
    package = unpack(torch.load(out / "model.pt", weights_only=True))
    assert isinstance(package.model, INR)
    table = np.load(out / "latents" / "z_step_6.npy")
    assert np.array_equal(table, package.model.latents.numpy())
    lines = (out / "latents" / "sounds.csv").read_text().splitlines()
    assert lines[0] == "row,name,key,file"
    for row in (0, 2):
        file = lines[1 + row].split(",")[-1]
        source, _ = soundfile.read(rig_source(out) / file)
        original, rate = soundfile.read(out / "audio" / f"original_{row}.wav")
        assert rate == rig.RATE
        assert np.abs(original - source).max() < 1e-6
        with torch.no_grad():
            t = package.model.coordinates(torch.arange(3 * rig.LENGTH) / 3)[None]
            dense = package.model(torch.from_numpy(table[row])[None], t)[0].clamp(-1, 1).numpy()
        for name, step, expected in (("", 3, rig.RATE), ("_x3", 1, 3 * rig.RATE)):
            path = out / "audio" / f"reconstruction_step_6_{row}{name}.wav"
            made, rate = soundfile.read(path)
            assert rate == expected
            assert np.abs(made - dense[::step]).max() < 1e-5


def rig_source(out: Path) -> Path:
    return Path(yaml.safe_load((out / "config.yaml").read_text())["data"])


def test_the_model(finished: tuple[Path, str]) -> None:
    out, _ = finished
    package = unpack(torch.load(out / "model.pt", weights_only=True))
    assert package.family == "inr"
    assert package.config.names == ("sine",) * 4
    assert package.config.keys == (57, 64, 71, 79)
    latents = package.model.latents
    assert torch.allclose(package.latent["mean"], latents.mean(0), atol=1e-6)
    along = (latents - latents.mean(0)) @ package.latent["axes"].t()
    variance = along.var(0)
    assert bool((variance[:-1] >= variance[1:] - 1e-12).all())
    assert package.provenance["figures"]["eval_mse"] > 0


@pytest.mark.parametrize(
    "more",
    [
        ("--meta-architecture", "autoencoder", "--audio-length", "2048"),
        ("--double", "--latent-descent-steps", "2", "--second-order", "--architecture",
         "pi-gan_prog", "--weight-decay", "0.1", "--prog-weight-decay-every", "2",
         "--prog-weight-decay-factor", "2"),
    ],
    ids=["autoencoder", "progressive, double, second order"],
)  # fmt: skip
def test_a_killed_run_goes_on_exactly(sines: Path, tmp_path: Path, more: tuple[str, ...]) -> None:
    settings = {"steps": "14", "eval_every": "2", "save_audio_plots": "0", "save_audio": "0"}
    whole, out = tmp_path / "whole", tmp_path / "killed"
    undisturbed = training_rig.run(rig.arguments(sines, whole, *more, **settings), tmp_path / "log")
    assert undisturbed.wait() == 0, undisturbed.said
    run = training_rig.Run(rig.arguments(sines, out, *more, **settings), tmp_path / "log2")
    patience = time.monotonic() + training_rig.PATIENCE_S
    while max(training_rig.rows(out), default=0) < 7:
        assert run.process.is_alive(), run.said
        assert time.monotonic() < patience
        time.sleep(0.002)
    run.signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    done = resume(sines, out)
    assert done.wait() == 0, done.said
    assert training_rig.rows(out) == training_rig.rows(whole)
    one, two = (torch.load(p / "model.pt", weights_only=True) for p in (whole, out))
    assert all(torch.equal(one["weights"][n], two["weights"][n]) for n in one["weights"])
    assert training_rig.leftovers(out) == []


def test_a_run_that_diverges_keeps_what_was_good(sines: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    given = rig.arguments(
        sines, out, lr="1", latent_lr="1e6", optimizer="adam", steps="500", save_every="1",
        eval_every="500",
    )  # fmt: skip
    done = training_rig.run(given, tmp_path / "log")
    assert done.wait() == 3, done.said
    last = done.said.splitlines()[-1]
    assert "training diverged at step" in last
    assert "per_sample is" in last
    found, complaints = load_newest(out / "checkpoints")
    assert found is not None
    assert complaints == []
    assert found.step == max(training_rig.rows(out))
    assert f"at step {found.step}:" in last
    assert all(bool(torch.isfinite(w).all()) for w in found.weights.values())


def test_plateaus_are_remembered(sines: Path, tmp_path: Path) -> None:
    """How long nothing got better is part of a checkpoint."""
    done = training_rig.run(rig.arguments(sines, tmp_path / "run", lr="0"), tmp_path / "log")
    assert done.wait() == 0, done.said
    found, _ = load_newest(tmp_path / "run" / "checkpoints")
    assert found is not None
    assert found.extra["plateau"]["last_epoch"] == 6
    assert 0 < found.extra["plateau"]["best"] < 100


def test_more_epochs_for_a_run_that_is_resumed(sines: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    given = rig.arguments(sines, out, "--num_epochs", "2", steps="0")
    first = training_rig.run(given, tmp_path / "log")
    assert first.wait() == 0, first.said
    assert max(training_rig.rows(out)) == 4
    done = resume(sines, out, "--num_epochs", "3")
    assert done.wait() == 0, done.said
    assert max(training_rig.rows(out)) == 6


def test_dry_run(sines: Path, tmp_path: Path) -> None:
    given = rig.arguments(sines, tmp_path / "run", "--dry-run", "--json", dataset_size="3")
    done = training_rig.run(given, tmp_path / "log")
    assert done.wait() == 0, done.said
    report = json.loads(done.said)
    assert report["config"]["model"]["sounds"] == 3
    assert report["notes"] == ["3 of 4 sounds are learned, none is held out"]
    assert report["data"]["held_out_files"] == []
    assert not (tmp_path / "run").exists()


def test_a_folder_of_its_own(sines: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    given = rig.arguments(sines, tmp_path, steps="2", save_path=str(out), save_model="0")
    at = given.index("--out")
    done = training_rig.run(given[:at] + given[at + 2 :], tmp_path / "log")
    assert done.wait() == 0, done.said
    assert sorted(training_rig.rows(out)) == [1, 2]
    assert not (out / "model.pt").exists()
    assert not (out / "checkpoints" / "best.pt").exists()


@pytest.mark.skipif(find_spec("wandb") is not None, reason="wandb is installed")
def test_a_package_that_is_missing_is_said_before_a_folder_is_made(
    sines: Path, tmp_path: Path
) -> None:
    done = training_rig.run(rig.arguments(sines, tmp_path / "run", wandb="1"), tmp_path / "log")
    assert done.wait() == 2
    assert "pip install wandb" in done.said
    assert not (tmp_path / "run").exists()


def test_a_setting_out_of_range_is_one_line(sines: Path, tmp_path: Path) -> None:
    given = rig.arguments(sines, tmp_path / "run", latent_lr="-1")
    done = training_rig.run(given, tmp_path / "log")
    assert done.wait() == 2
    assert done.said.count("\n") == 1
    assert "latent_lr is -1.0; 0.0 … 1000000.0 is allowed" in done.said


@pytest.mark.slow
def test_two_processes_share_the_latents(tmp_path: Path) -> None:
    """Each sees two of five sounds in a step, or one; the table of the first has all of them."""
    data = rig.write_sines(tmp_path / "five", (220, 330, 500, 800, 1200))
    out = tmp_path / "run"
    given = rig.arguments(
        data, out, devices="2", accelerator="cpu", use_gpu="1", steps="2", batch_size="3",
        latent_init_std="0",
    )  # fmt: skip
    script = tmp_path / "train.py"
    script.write_text(f"from synth.cli import main\nmain({given!r})\n")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "MEMBER: 2/2" in done.stderr
    latents = unpack(torch.load(out / "model.pt", weights_only=True)).model.latents
    assert bool((latents != 0).any(1).all())
    assert len(latents.unique(dim=0)) == 5


def test_more_steps_leave_gates_open_and_rates_down(sines: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    given = rig.arguments(
        sines, out, "--architecture", "pi-gan_prog", "--schedule", "cosine",
        steps="12", keep_checkpoints="0", eval_every="12",
    )  # fmt: skip
    assert training_rig.run(given, tmp_path / "log").wait() == 0
    done = resume(sines, out, "--steps", "120")
    assert done.wait() == 0, done.said
    rates = [float(row["learning_rate"]) for _, row in sorted(training_rig.rows(out).items())]
    assert len(rates) == 120
    assert all(b <= a for a, b in itertools.pairwise(rates))
    for step in (12, 15, 120):
        found = torch.load(out / f"checkpoints/step-{step:09d}.pt", weights_only=True)
        assert bool((found["weights"]["decoder.gate"] == 1).all()), f"a gate is shut at {step}"


def test_pictures_reach_every_logger(sines: Path, tmp_path: Path) -> None:
    shown: dict[int, dict[str, bytes]] = {}

    class Wall:
        def write(self, step: int, figures: Mapping[str, float]) -> None:
            pass

        def show(self, step: int, pictures: Mapping[str, Path]) -> None:
            shown[step] = {name: path.read_bytes()[:4] for name, path in pictures.items()}

        def close(self) -> None:
            pass

    class Walled(INRReview):
        def loggers(self) -> tuple[Logger, ...]:
            return (Wall(),)

    plan = rig.make_plan(sines, steps=4, eval_samples=2)
    out = tmp_path / "run"
    open_folder(plan, out, None, Console(quiet=True))
    task = build_task(INR_PARTS.task, plan)
    review = Walled(plan, out, print)
    keeper = Keeper(plan, out, task, review, StopWish(), Console(quiet=True), None)
    fit(make_trainer(plan.training, keeper), task, INR_PARTS.stream(plan, Span(0, 4)))
    keeper.close()
    names = {f"{kind}_{row}" for kind in ("reconstruction", "overlay") for row in (0, 2)}
    assert {step: set(pictures) for step, pictures in shown.items()} == {3: names, 4: names}
    assert all(head == b"\x89PNG" for p in shown.values() for head in p.values())


def test_the_last_evaluation_is_in_the_figures(sines: Path, tmp_path: Path) -> None:
    given = rig.arguments(sines, tmp_path / "run", steps="5", log_every="50")
    done = training_rig.run(given, tmp_path / "log")
    assert done.wait() == 0, done.said
    rows = training_rig.rows(tmp_path / "run")
    assert [step for step, row in rows.items() if row["eval_mse"] and row["loss"]] == [3, 5]
