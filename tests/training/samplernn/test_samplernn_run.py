"""A SampleRNN run from the command line: what it writes, what may be edited, how it goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import recording_rig as rig
import soundfile
import torch
import training_rig
import yaml

from synth.models.package import unpack
from training.run.checkpoint import load_newest

Rows = dict[int, dict[str, str]]


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rig.write_song(tmp_path_factory.mktemp("run") / "song.wav")


@pytest.fixture(scope="module")
def finished(song: Path) -> tuple[Path, str]:
    """A run of six steps that nobody disturbed, and what it said."""
    out = song.parent / "finished"
    done = training_rig.run(rig.arguments(song, out), song.parent / "log")
    assert done.wait() == 0, done.said
    return out, done.said


def start(song: Path, out: Path, *more: str, **settings: str) -> training_rig.Run:
    return training_rig.Run(rig.arguments(song, out, *more, **settings), out.with_suffix(".log"))


def wait_until(run: training_rig.Run, there: Callable[[], object], what: str) -> None:
    patience = time.monotonic() + training_rig.PATIENCE_S
    while not there():
        assert run.process.is_alive(), run.said
        assert time.monotonic() < patience, f"{what}: not within {training_rig.PATIENCE_S} s"
        time.sleep(0.005)


def resume(song: Path, out: Path, *more: str) -> training_rig.Run:
    given = ["train", "samplernn", "-o", str(out), "--resume", "--cache"]
    return training_rig.run([*given, str(song.parent / "cache"), *more], out.with_suffix(".log2"))


def test_the_folder(song: Path, finished: tuple[Path, str]) -> None:
    out, _ = finished
    found = sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file())
    assert [name for name in found if not name.startswith("tensorboard")] == sorted(
        [
            "args.yaml", "config.yaml", "metrics.csv", "model.pt",
            *(f"audio/epoch_0_iter_{i}_{n}.wav" for i in (3, 6) for n in (1, 2)),
            "audio/ground_truth.wav", "audio/input_example.wav", "audio/overlap_example.wav",
            "audio/target_example.wav",
            "checkpoints/best.pt", "checkpoints/step-000000003.pt", "checkpoints/step-000000006.pt",
            "plots/epoch_0_iter_3.png", "plots/epoch_0_iter_6.png",
        ]
    )  # fmt: skip
    assert yaml.safe_load((out / "args.yaml").read_text()) == {
        "length": 0.01, "num_generated": 2, "generate_every": 3, "checkpoint_every": 3,
    }  # fmt: skip
    config = yaml.safe_load((out / "config.yaml").read_text())
    assert config["model"]["frame_sizes"] == [4]
    assert config["training"]["checkpoint_every"] == 3


def test_losses_in_nats_and_bits(finished: tuple[Path, str]) -> None:
    rows = training_rig.rows(finished[0])
    assert sorted(rows) == [1, 2, 3, 4, 5, 6]
    for row in rows.values():
        assert float(row["bits"]) == pytest.approx(float(row["loss"]) / np.log(2), rel=1e-6)
        assert 0 <= float(row["accuracy"]) <= 1
        assert float(row["gradient_norm"]) > 0
    assert [step for step, row in rows.items() if row["held_out_bits"]] == [3, 6]
    assert float(rows[6]["loss"]) < float(rows[1]["loss"])


def test_what_can_be_heard(song: Path, finished: tuple[Path, str]) -> None:
    audio = finished[0] / "audio"
    made = [soundfile.read(audio / f"epoch_0_iter_6_{n}.wav")[0] for n in (1, 2)]
    assert len(made[0]) == len(made[1]) == round(0.01 * rig.RATE)
    assert not np.array_equal(*made)
    original, _ = soundfile.read(song)
    truth, rate = soundfile.read(audio / "ground_truth.wav")
    assert rate == rig.RATE
    assert len(truth) == round(0.95 * len(original)), "what is learned from"
    error = truth - original[: len(truth)]
    assert 0 < np.abs(error).max() < 0.12, "31 steps of mu-law, the widest 0.2 of full scale"
    first, target, overlap = (
        soundfile.read(audio / f"{name}_example.wav")[0] for name in ("input", "target", "overlap")
    )
    assert len(first) == len(target) == 32
    assert np.array_equal(first[4:], target[:-4]), "the target is the input, a frame later"
    assert np.array_equal(overlap[:4], first[:4])
    assert np.array_equal(overlap[4:], target[:-1])


def test_the_model(finished: tuple[Path, str]) -> None:
    out, said = finished
    package = unpack(torch.load(out / "model.pt", weights_only=True))
    assert package.family == "samplernn"
    assert package.latent == {}
    assert package.provenance["figures"]["held_out_bits"] > 0
    assert float(package.model.scale) > 2
    best = unpack(torch.load(out / "checkpoints" / "best.pt", weights_only=True))
    assert best.config == package.config
    assert "held-out" in said
    assert "bits per sample" in said
    assert "Warning" not in said


def test_edits_hold_while_it_trains(song: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run = start(song, out, steps="1000000", generate_every="1000000", eval_every="1000000")
    try:
        wait_until(run, lambda: len(training_rig.rows(out)) > 2, "steps")
        arguments = out / "args.yaml"
        arguments.write_text("generate_every: 5\nnum_generated: 3\nlength: 0.02\n")
        wait_until(run, lambda: list(out.glob("audio/epoch_*_3.wav")), "edited audio")
        made = next(out.glob("audio/epoch_*_3.wav"))
        assert soundfile.info(made).frames == round(0.02 * rig.RATE)
        arguments.write_text("generate_every: [")
        wait_until(run, lambda: "last good values stay" in run.said, "the complaint")
        before = len(list(out.glob("audio/epoch_*")))
        wait_until(run, lambda: len(list(out.glob("audio/epoch_*"))) > before + 6, "more audio")
        assert run.said.count("last good values stay") == 1
        arguments.write_text("checkpoint_every: 7\ngenerate_every: 1000000\n")
        wait_until(run, lambda: "checkpoint_every is 7 now" in run.said, "the next edit")
    finally:
        run.signal(signal.SIGINT)
    assert run.wait() == 130, run.said
    saved, _ = load_newest(out / "checkpoints")
    assert saved is not None
    assert saved.step == max(training_rig.rows(out))


@pytest.mark.parametrize(
    "more",
    [(), ("--carry-state", "--schedule", "plateau", "--plateau", "1", "--learning-rate", "0.3")],
    ids=["any place", "carried"],
)
def test_a_killed_run_goes_on_exactly(song: Path, tmp_path: Path, more: tuple[str, ...]) -> None:
    settings = {"steps": "14", "eval_every": "2", "generate_every": "5"}
    whole, out = tmp_path / "whole", tmp_path / "killed"
    undisturbed = training_rig.run(rig.arguments(song, whole, *more, **settings), tmp_path / "log")
    assert undisturbed.wait() == 0, undisturbed.said
    run = start(song, out, *more, **settings)
    wait_until(run, lambda: max(training_rig.rows(out), default=0) >= 7, "step 7")
    run.signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    done = resume(song, out)
    assert done.wait() == 0, done.said
    assert training_rig.rows(out) == training_rig.rows(whole)
    one, two = (torch.load(p / "model.pt", weights_only=True) for p in (whole, out))
    assert all(torch.equal(one["weights"][n], two["weights"][n]) for n in one["weights"])
    assert training_rig.leftovers(out) == []
    if more:
        rates = {row["learning_rate"] for row in training_rig.rows(whole).values()}
        assert len(rates) > 1, "the plateau was meant to be found"


@pytest.mark.parametrize(
    ("flag", "value", "named"),
    [
        ("--hidden_size", "24", "hidden_size is 24, but the run to resume has 16"),
        ("--frame_size", "8", "frame_sizes is"),
        ("--num_frames", "9", "num_frames is 9"),
        ("--batch_size", "5", "batch_size is 5"),
    ],
)
def test_another_configuration_is_refused_by_its_field(
    song: Path, finished: tuple[Path, str], flag: str, value: str, named: str
) -> None:
    done = resume(song, finished[0], "--steps", "9", flag, value)
    assert done.wait() == 2
    assert named in done.said
    assert "Traceback" not in done.said


def test_edited_arguments_outlive_the_run_but_not_a_flag(song: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    first = training_rig.run(rig.arguments(song, out, steps="3"), tmp_path / "log")
    assert first.wait() == 0, first.said
    (out / "args.yaml").write_text("generate_every: 4\nlength: 0.03\n")
    done = resume(song, out, "--steps", "5", "--length", "0.02")
    assert done.wait() == 0, done.said
    made = soundfile.info(out / "audio" / "epoch_0_iter_4_1.wav")
    assert made.frames == round(0.02 * rig.RATE)


def test_dry_run(song: Path, tmp_path: Path) -> None:
    given = rig.arguments(song, tmp_path / "run", "--dry-run", "--json", batch_size="10")
    done = training_rig.run(given, tmp_path / "log")
    assert done.wait() == 0, done.said
    report = json.loads(done.said)
    assert report["config"]["family"] == "samplernn"
    assert report["data"]["files"] == 1
    assert report["parameters"] > 100
    assert report["step"]["seconds"] > 0
    assert report["step"]["audio_seconds"] == pytest.approx(10 * 36 / rig.RATE, abs=1e-3)
    assert not (tmp_path / "run").exists()


def test_a_file_shorter_than_a_window(tmp_path: Path) -> None:
    song = rig.write_song(tmp_path / "blip.wav", seconds=0.002)
    done = training_rig.run(rig.arguments(song, tmp_path / "run"), tmp_path / "log")
    assert done.wait() == 3
    assert "blip.wav: 0.002 s is too short" in done.said
    assert not (tmp_path / "run").exists()


def test_data_is_an_argument_or_a_flag_but_not_both(song: Path, tmp_path: Path) -> None:
    given = rig.arguments(song, tmp_path / "run", str(song))
    done = training_rig.run(given, tmp_path / "log")
    assert done.wait() == 2
    assert "given twice" in done.said


def test_flags_of_the_first_samplernn_trainers_are_known(song: Path, tmp_path: Path) -> None:
    """Underscores are dashes, `--in` is DATA, and one frame size makes two tiers."""
    given = {
        "--length": "3.5", "--num_generated": "2", "--generate_every": "11",
        "--checkpoint_every": "12", "--hidden_size": "24", "--rnn_layers": "2",
        "--frame_size": "8", "--embed_size": "6", "--quantization": "64", "--batch_size": "3",
        "--num_frames": "5",
    }  # fmt: skip
    flags = [part for pair in given.items() for part in pair]
    cache = ["--cache", str(song.parent / "cache"), "--dry-run", "--json", "--threads", "1"]
    done = training_rig.run(
        ["train", "samplernn", "--in", str(song), "--out", str(tmp_path / "run"), *flags, *cache],
        tmp_path / "log",
    )
    assert done.wait() == 0, done.said
    config = json.loads(done.said)["config"]
    for name, value in given.items():
        field = name[2:]
        if field == "frame_size":
            assert config["model"]["frame_sizes"] == [int(value)]
        else:
            assert {**config["model"], **config["training"]}[field] == float(value)


def test_a_run_that_is_steered(tmp_path: Path) -> None:
    """Loudness and classes reach the model, in training, evaluation and generated audio."""
    for name in ("flute", "drum"):
        rig.write_song(tmp_path / "songs" / name / "a.wav", seconds=0.3)
    given = rig.arguments(tmp_path / "songs", tmp_path / "run", features="loudness", steps="3")
    done = training_rig.run([*given, "--label-by", "folder"], tmp_path / "log")
    assert done.wait() == 0, done.said
    package = unpack(torch.load(tmp_path / "run" / "model.pt", weights_only=True))
    assert package.config.features == ("loudness",)
    assert package.config.labels == ("drum", "flute")
    assert package.model.feature_mean[0] < -3
    assert len(list((tmp_path / "run" / "audio").glob("epoch_*"))) == 2


@pytest.mark.slow
def test_two_processes_judge_as_one(song: Path, tmp_path: Path) -> None:
    """Only the first process evaluates; a plateau that it finds slows both down."""
    given = rig.arguments(
        song, tmp_path / "run", devices="2", accelerator="cpu", steps="6", eval_every="1",
        schedule="plateau", plateau="1", learning_rate="0.5", log_every="1",
    )  # fmt: skip
    script = tmp_path / "train.py"
    script.write_text(f"from synth.cli import main\nmain({given!r})\n")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "MEMBER: 2/2" in done.stderr
    rows = training_rig.rows(tmp_path / "run")
    assert sorted(rows) == [1, 2, 3, 4, 5, 6]
    assert float(rows[6]["learning_rate"]) < 0.5


def test_the_last_evaluation_is_in_the_figures(song: Path, tmp_path: Path) -> None:
    given = rig.arguments(song, tmp_path / "run", steps="5", eval_every="3", log_every="50")
    done = training_rig.run(given, tmp_path / "log")
    assert done.wait() == 0, done.said
    rows = training_rig.rows(tmp_path / "run")
    assert [step for step, row in rows.items() if row["held_out_bits"] and row["bits"]] == [3, 5]
