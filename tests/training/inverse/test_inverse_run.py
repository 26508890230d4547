"""Runs of inverse synthesis: no data, exact resumption, stages, other voices, what is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import inverse_rig as rig
import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner

from synth.cli.train import family_command
from synth.contract import ConfigError, ModelFileError
from training.dry_run import as_text, dry_run_report
from training.inverse.parts import INVERSE
from training.planning import plan_run
from training.run.folder import Resumed
from training.train import train


def metrics(out: Path) -> list[str]:
    return (out / "metrics.csv").read_text().splitlines()


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four steps."""
    out = tmp_path_factory.mktemp("done") / "run"
    train(rig.plan(), out, quiet=True)
    return out


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`model.pt` of a run of the stage vicreg."""
    out = tmp_path_factory.mktemp("embedded") / "run"
    train(rig.plan(stage="vicreg"), out, quiet=True)
    return out / "model.pt"


def test_a_run_without_data_ends_with_a_model_and_what_it_found(done: Path) -> None:
    package = rig.opened(done)
    assert package.family == "inverse"
    assert package.provenance["data"]["path"] == ""
    figures = package.provenance["figures"]
    assert 0 < figures["held_out_distance"] <= figures["held_out_head_distance"]
    assert 0 < figures["held_out_head_error"] < 0.6
    assert "recorded_distance" not in figures
    audio, rate = soundfile.read(done / "audio" / "sounds-000000004.wav")
    assert (rate, len(audio)) == (8_000, 3 * (2 * 32_000 + 2 * 4_000))
    assert np.abs(audio).max() > 0.01
    assert (done / "plots" / "sounds-000000004.png").stat().st_size > 5_000


def test_a_run_that_was_stopped_goes_on_exactly(done: Path, tmp_path: Path) -> None:
    made = rig.plan()
    out = tmp_path / "run"
    train(made, out, quiet=True)
    for file in (*out.glob("checkpoints/step-000000004.pt"), out / "model.pt"):
        file.unlink()
    again = plan_run("inverse", None, resume_from=out)
    train(again, out, resumed=Resumed(out), quiet=True)
    assert metrics(out) == metrics(done)
    first, second = (rig.opened(folder).model.state_dict() for folder in (done, out))
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name


def test_what_is_written_is_the_average(done: Path) -> None:
    checkpoint = torch.load(done / "checkpoints" / "step-000000004.pt", weights_only=True)
    average, plain = checkpoint["extra"]["average"], checkpoint["weights"]
    written = rig.opened(done).model.state_dict()
    differing = [name for name, tensor in plain.items() if not torch.equal(tensor, written[name])]
    assert len(differing) > 10
    for name, tensor in written.items():
        assert torch.equal(tensor, average[name])


def test_without_an_average_the_weights_are_written(tmp_path: Path) -> None:
    written = rig.trained(rig.plan(average=0.0, steps=2), tmp_path).model.state_dict()
    plain = torch.load(tmp_path / "checkpoints" / "step-000000002.pt", weights_only=True)["weights"]
    assert all(torch.equal(tensor, plain[name]) for name, tensor in written.items())


def test_recordings_are_matched_where_they_are_given(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    tone = 0.3 * np.sin(np.arange(4_000) * 2 * np.pi * 440 / 8_000)
    soundfile.write(tmp_path / "notes" / "tone.wav", tone, 8_000)
    made = plan_run(
        "inverse", tmp_path / "notes", flags={**rig.MODEL, **rig.RUN, "steps": 1},
        cache=tmp_path / "cache",
    )  # fmt: skip
    train(made, tmp_path / "run", quiet=True)
    assert rig.opened(tmp_path / "run").provenance["figures"]["recorded_distance"] > 0
    assert (tmp_path / "run" / "plots" / "recordings-000000001.png").exists()


def test_embeddings_then_patches_on_the_frozen_encoder(embedded: Path, tmp_path: Path) -> None:
    made = rig.plan(load=str(embedded), frozen=True, embedding_weight=1.0)
    written = rig.trained(made, tmp_path)
    before = rig.opened(embedded.parent).model.state_dict()
    for name, tensor in written.model.state_dict().items():
        if name.startswith(("audio.", "parameters_encoder.", "projector.")):
            assert torch.equal(tensor, before[name]), name
    told, steps = written.provenance, rig.opened(embedded.parent).provenance["steps"]
    assert (told["steps"], told["training"]["loaded_steps"]) == (4, steps)
    again = rig.plan(load=str(tmp_path / "model.pt"))
    assert INVERSE.prepare(again, lambda text: None).training.loaded_steps == 4 + steps
    figures = rig.opened(embedded.parent).provenance["figures"]
    assert 1 <= figures["held_out_rank"] <= 3
    assert figures["held_out_spread"] > 0


def test_a_third_view_is_learned_too(tmp_path: Path) -> None:
    made = rig.plan(stage="vicreg", waveform="sample", steps=1)
    assert any(n.startswith("waveform.") for n in rig.trained(made, tmp_path).model.state_dict())


@pytest.mark.parametrize("voice", ["fm", "drum"])
def test_another_voice_begins_with_the_encoder(done: Path, tmp_path: Path, voice: str) -> None:
    made = rig.plan(voice=voice, load=str(done / "model.pt"), steps=1, learning_rate=0.0)
    found = INVERSE.task(made).model.state_dict()
    before = rig.opened(done).model.state_dict()
    taken = [n for n in found if n in before and torch.equal(found[n], before[n])]
    assert any(n.startswith("audio.encoder.") for n in taken)
    assert not any(n.startswith(("flow.network.assignment", "head.layers.0.w")) for n in taken)
    assert rig.trained(made, tmp_path).config.voice == voice


def test_what_cannot_be_loaded_is_refused_before_a_folder_is_made(
    done: Path, embedded: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    for changes, error, said in (
        ({"load": str(tmp_path / "none.pt")}, ModelFileError, r"load: .*none\.pt is no model\.pt"),
        ({"load": str(done / "model.pt"), "dim": 8}, ConfigError, "has another encoder"),
        ({"load": str(done / "model.pt"), "embedding_weight": 1.0}, ConfigError, "vicreg run"),
        (
            {"load": str(embedded), "embedding_weight": 1.0, "voice": "fm"},
            ConfigError,
            "voice modular",
        ),
        (
            {"load": str(embedded), "teacher_weight": 1.0, "flow_weight": 0.0},
            ConfigError,
            "teacher_weight is 1.*stage vicreg",
        ),
    ):
        with pytest.raises(error, match=said):
            train(rig.plan(**changes), out, quiet=True)
        assert not out.exists()


@pytest.mark.parametrize("name", ["frozen", "embedding_weight"])
def test_what_needs_another_run_says_so(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is .* and load is empty.*name the model.pt"):
        rig.plan(**{name: True if name == "frozen" else 1.0})


@pytest.mark.parametrize("changes", [{"flow_weight": 0.0}, {"load": "x.pt"}])
def test_a_teacher_has_learned_and_stays(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"teacher_weight is 1.*after load.*flow_weight to 0"):
        rig.plan(teacher_weight=1.0, **changes)


def test_only_the_head_differs_after_it_was_taught(done: Path, tmp_path: Path) -> None:
    made = rig.plan(
        load=str(done / "model.pt"), frozen=True, flow_weight=0.0, parameter_weight=0.0,
        teacher_weight=1.0, teacher_noises=3,
    )  # fmt: skip
    written = rig.trained(made, tmp_path)
    before = rig.opened(done).model.state_dict()
    after = written.model.state_dict()
    differ = {name.split(".")[0] for name in after if not torch.equal(after[name], before[name])}
    assert differ == {"head"}
    assert len(written.provenance["training"]["teacher_noise"]) == 78
    assert any(written.provenance["training"]["teacher_noise"])


def test_the_command_needs_no_data(tmp_path: Path) -> None:
    given = [f"--{n.replace('_', '-')}={v}" for n, v in {**rig.MODEL, **rig.RUN}.items()
             if not isinstance(v, bool | tuple)]  # fmt: skip
    given += ["--widths=16,16", "--depths=0,1", "--projection=16,16", "--no-audible"]
    made = CliRunner().invoke(
        family_command("inverse"), [*given, "--steps=1", "--out", str(tmp_path / "run")],
        catch_exceptions=False,
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    assert (tmp_path / "run" / "model.pt").exists()


def test_a_dry_run_says_that_no_data_are_needed() -> None:
    report = dry_run_report(rig.plan())
    assert "data: none are needed" in as_text(report)
    assert report["step"]["audio_seconds"] == 32.0
    assert report["parameters"] > 1_000


def test_a_nebula_becomes_part_of_the_model(tmp_path: Path) -> None:
    made = rig.plan(nebula="drum")
    assert made.model.nebula.startswith("{")
    curves = {p.name: p.curve for p in INVERSE.task(made).model.voice.parameters_}
    plain = {p.name: p.curve for p in rig.model().voice.parameters_}
    assert curves["adsr_1_attack"] != plain["adsr_1_attack"]
    with pytest.raises(ConfigError, match="nebula"):
        rig.plan(nebula="nowhere.json")
