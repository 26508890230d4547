"""What a run leaves behind, and what the command says before and after it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import training_rig as rig
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from synth.models.package import unpack


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = rig.write_tones(tmp_path_factory.mktemp("folder") / "tones", files=4)
    (folder / "broken.wav").write_text("no recording")
    return folder


@pytest.fixture(scope="module")
def finished(data: Path) -> tuple[Path, str]:
    """A run of six steps with evaluations at 3 and 6, and what it said."""
    out = data.parent / "run"
    settings = {"steps": "6", "eval_every": "3", "save_every": "3", "licence": "CC0 by nobody"}
    done = rig.run(rig.arguments(data, out, **settings), data.parent / "log")
    assert done.wait() == 0, done.said
    return out, done.said


def test_it_says_what_it_does(finished: tuple[Path, str]) -> None:
    _, said = finished
    assert "broken.wav" in said
    assert "6/6" in said
    assert "steps/s" in said
    assert "min left" in said
    assert "held-out mel distance" in said
    assert "Warning" not in said


def test_config_yaml_makes_the_same_run(data: Path, finished: tuple[Path, str]) -> None:
    out, _ = finished
    config = yaml.safe_load((out / "config.yaml").read_text())
    assert config["family"] == "codec"
    assert config["model"]["latent_dim"] == 8
    assert config["training"]["steps"] == 6
    again = out.with_name("again")
    given = ["train", "codec", str(data), "--out", str(again), "--config", str(out / "config.yaml")]
    done = rig.run([*given, "--cache", str(data.parent / "cache")], data.parent / "log2")
    assert done.wait() == 0, done.said
    assert rig.rows(again) == rig.rows(out)


def test_model_pt_is_a_package(finished: tuple[Path, str]) -> None:
    out, _ = finished
    package = unpack(torch.load(out / "model.pt", weights_only=True))
    assert package.family == "codec"
    assert package.provenance["steps"] == 6
    assert package.provenance["licence"] == "CC0 by nobody"
    assert package.provenance["data"]["files"] == 4
    assert package.provenance["versions"]["torch"] == torch.__version__
    assert package.provenance["figures"]["held_out_mel_db"] > 0
    json.dumps(package.provenance, allow_nan=False)
    axes = package.latent["axes"]
    assert torch.allclose(axes @ axes.t(), torch.eye(8), atol=1e-5)
    assert (package.latent["low"] < package.latent["high"]).all()
    best = unpack(torch.load(out / "checkpoints" / "best.pt", weights_only=True))
    assert best.config == package.config


def test_audio_and_pictures(finished: tuple[Path, str]) -> None:
    out, _ = finished
    names = sorted(p.name for p in (out / "audio").iterdir())
    assert names == ["1-input.wav", "1-step-0000003.wav", "1-step-0000006.wav"]
    source, rate = soundfile.read(out / "audio" / "1-input.wav")
    made, _ = soundfile.read(out / "audio" / "1-step-0000006.wav")
    assert rate == rig.RATE
    assert source.shape == made.shape == (rig.RATE,)
    assert np.abs(made).max() > 0
    for name in ("1-step-0000003.png", "1-step-0000006.png"):
        assert (out / "plots" / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_figures_in_csv_and_tensorboard_agree(finished: tuple[Path, str]) -> None:
    out, _ = finished
    board = EventAccumulator(str(out / "tensorboard")).Reload()
    rows = rig.rows(out)
    shown = {e.step: e.value for e in board.Scalars("mel")}
    assert shown == {s: pytest.approx(float(r["mel"])) for s, r in rows.items()}
    held = {e.step: e.value for e in board.Scalars("held_out/mel_db")}
    assert held == {s: pytest.approx(float(rows[s]["held_out_mel_db"])) for s in (3, 6)}


def test_dry_run_tells_and_trains_nothing(data: Path, tmp_path: Path) -> None:
    given = rig.arguments(data, tmp_path / "run", "--dry-run", "--json", steps="100")
    done = rig.run(given, tmp_path / "log")
    assert done.wait() == 0, done.said
    report = json.loads(done.said)
    assert report["config"]["training"]["steps"] == 100
    assert report["data"]["files"] == 4
    assert report["data"]["seconds"] == pytest.approx(4.0)
    assert "broken.wav" in report["data"]["rejected"][0]["file"]
    assert report["parameters"] > 100
    assert report["step"]["seconds"] > 0
    assert report["step"]["audio_seconds"] == pytest.approx(0.2)
    assert not (tmp_path / "run").exists()


def test_dry_run_in_words(data: Path, tmp_path: Path) -> None:
    done = rig.run(rig.arguments(data, tmp_path / "run", "--dry-run"), tmp_path / "log")
    assert done.wait() == 0, done.said
    for part in ("latent_dim: 8", "4 files, 4.0 s", "broken.wav", "parameters:", "nothing was"):
        assert part in done.said


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--latent-dim", "0"], 2, "latent_dim is 0"),
        (["--strides", "2,x"], 2, "numbers with commas"),
        (["--preset", "huge"], 2, "huge"),
        (["--json"], 2, "--dry-run"),
        (["--config", "none.yaml"], 2, "none.yaml"),
        (["--colour", "blue"], 2, "--colour"),
    ],
)
def test_wrong_usage_is_one_clear_line(
    data: Path, tmp_path: Path, more: list[str], code: int, said: str
) -> None:
    done = rig.run(rig.arguments(data, tmp_path / "run", *more), tmp_path / "log")
    assert done.wait() == code
    assert said in done.said
    assert "Traceback" not in done.said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [("stepz: 5", "stepz"), ("steps: many", "many"), ("- 1", "name: value"), ("a: [", "not YAML")],
)
def test_a_wrong_config_file(data: Path, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    given = ["train", "codec", str(data), "--out", str(tmp_path / "run")]
    done = rig.run([*given, "--config", str(tmp_path / "c.yaml")], tmp_path / "log")
    assert done.wait() == 2
    assert said in done.said


def test_flags_override_the_file_which_overrides_the_preset(data: Path, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("latent_dim: 5\nlevels: 3\nsteps: 77\nchannels: 2\n")
    given = ["train", "codec", str(data), "--preset", "tiny", "--dry-run", "--json"]
    given += ["--config", str(tmp_path / "c.yaml"), "--levels", "4", "--batch-size", "1"]
    given += ["--crop-seconds", "0.1", "--threads", "1", "--cache", str(data.parent / "cache")]
    done = rig.run(given, tmp_path / "log")
    assert done.wait() == 0, done.said
    config = json.loads(done.said)["config"]
    assert (config["model"]["latent_dim"], config["model"]["levels"]) == (5, 4)
    assert config["model"]["codebook_size"] == 256, "of the preset"
    assert config["training"]["steps"] == 77


@pytest.mark.slow
def test_two_processes_train_one_model(data: Path, tmp_path: Path) -> None:
    """Lightning starts the second process from the script; only the first one writes."""
    given = rig.arguments(data, tmp_path / "run", steps="4", accelerator="cpu", devices="2")
    script = tmp_path / "train.py"
    script.write_text(f"from synth.cli import main\nmain({given!r})\n")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "MEMBER: 2/2" in done.stderr
    assert sorted(rig.rows(tmp_path / "run")) == [1, 2, 3, 4]
    alone = rig.run(rig.arguments(data, tmp_path / "alone", steps="4"), tmp_path / "log")
    assert alone.wait() == 0, alone.said
    one, two = rig.rows(tmp_path / "alone"), rig.rows(tmp_path / "run")
    assert one[1] == two[1], "the first device hears the same first crops"
    assert one[2] != two[2], "and then learns from the other's too"


@pytest.mark.parametrize("kind", ["missing", "empty folder", "all broken"])
def test_data_that_cannot_be_used(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "data"
    if kind != "missing":
        folder.mkdir()
    if kind == "all broken":
        (folder / "x.wav").write_text("no recording")
    done = rig.run(rig.arguments(folder, tmp_path / "run"), tmp_path / "log")
    assert done.wait() == 3
    assert "data" in done.said
    assert "Traceback" not in done.said
    assert not (tmp_path / "run").exists()


def test_a_full_disk_ends_the_run_and_harms_nothing(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    settings = {"steps": "20", "save_every": "5", "eval_every": "20"}
    first = rig.run(rig.arguments(data, out, **{**settings, "steps": "5"}), tmp_path / "log")
    assert first.wait() == 0, first.said
    saved = out / "checkpoints" / "step-000000005.pt"
    before = saved.read_bytes()
    given = ["train", "codec", "--out", str(out), "--resume", "--steps", "20"]
    given += ["--cache", str(data.parent / "cache")]
    done = rig.run(given, tmp_path / "log2", file_bytes=len(before) // 2)
    assert done.wait() == 3
    assert "can't be written" in done.said
    assert "Traceback" not in done.said
    assert saved.read_bytes() == before
    assert rig.leftovers(out) == []
    again = rig.run(given, tmp_path / "log3")
    assert again.wait() == 0, again.said
