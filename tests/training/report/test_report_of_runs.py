"""The report on runs: rows that can be checked by hand, in three forms."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml
from click.testing import CliRunner

from synth.cli import cli
from synth.contract import ConfigError, DataError, ModelFileError
from synth.models.inr import INR
from synth.models.package import pack
from training.planning import make_plan, resolve_configs
from training.report.comparison import Row, report
from training.report.text import as_data, as_markdown, as_text, figure
from training.run.plan import data_summary, plan_as_dict

LENGTH = 512


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Five noises of known energy."""
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(5):
        audio = np.random.default_rng(number).uniform(-0.5, 0.5, LENGTH)
        soundfile.write(folder / f"hiss_{60 + number}_100.wav", audio, 16_000, subtype="FLOAT")
    return folder


def write_run(folder: Path, data: Path, level: float, **more: object) -> Path:
    """A run whose model makes the constant `level`, whatever the latent."""
    flags = {
        "audio_length": LENGTH, "width": 8, "depth": 2, "num_latent": 4, "cdpam": 0.0, "steps": 9,
        **more,
    }  # fmt: skip
    model, training = resolve_configs("inr", None, None, flags)
    plan = make_plan("inr", model, training, data, cache=data.parent / "cache")
    network = INR(plan.model)
    output = network.decoder.conditional[-1]
    with torch.no_grad():
        (output.weight if output.gain is None else output.gain).zero_()
        output.bias.fill_(level)
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(plan_as_dict(plan)))
    told = {"data": data_summary(plan), "steps": 9}
    torch.save(pack("inr", network, plan.model, {}, told), folder / "model.pt")
    return folder


def measured(*folders: Path, **given: object) -> list[Row]:
    return report(folders, cdpam=False, cache=folders[0].parent / "cache", **given)  # type: ignore[arg-type]


def energies(data: Path) -> list[float]:
    return [float(np.square(soundfile.read(f)[0]).sum()) for f in sorted(data.iterdir())]


def test_rows_beside_silence_and_noise(data: Path, tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / f"run-{seed}", data, level, seed=seed)
        for seed, level in enumerate((0.1, 0.2, 0.3))
    ]
    other = write_run(tmp_path / "other", data, 0.0, architecture="pi-gan_relu")
    rows = measured(*runs, other)
    assert [row.name for row in rows][2:] == ["silence", "noise"]
    relu, gan, silence, noise = rows
    assert (relu.name, gan.name) == ("pi-gan_relu width=8 depth=2", "pi-gan width=8 depth=2")
    mean = float(np.mean(energies(data)))
    assert silence.mean["mse"] == pytest.approx(mean, rel=1e-4)
    # A network that is quiet is worth as much as silence.
    assert relu.mean["mse"] == pytest.approx(mean, rel=1e-4)
    sums = [soundfile.read(f)[0].sum() for f in sorted(data.iterdir())]
    expected = [
        mean - 2 * level * float(np.mean(sums)) + LENGTH * level**2 for level in (0.1, 0.2, 0.3)
    ]
    assert gan.mean["mse"] == pytest.approx(np.mean(expected), rel=1e-4)
    assert gan.spread["mse"] == pytest.approx(np.std(expected, ddof=1), rel=1e-3)
    assert relu.spread["mse"] is None
    assert gan.runs == tuple(map(str, runs))
    assert (gan.sounds, gan.steps) == (5, 9)
    assert noise.mean["mse"] == pytest.approx(mean + LENGTH / 3, rel=0.1)


def test_some_of_the_sounds(data: Path, tmp_path: Path) -> None:
    (row, silence, _) = measured(write_run(tmp_path / "run", data, 0.0), sounds=2)
    first, _, third, *_ = energies(data)
    assert row.sounds == 2
    assert silence.mean["mse"] == pytest.approx((first + third) / 2, rel=1e-4)


def test_repetitions_are_told_from_other_settings(data: Path, tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a", data, 0.1, learning_rate=1e-3),
        write_run(tmp_path / "b", data, 0.2, learning_rate=1e-4),
    ]
    names = [row.name for row in measured(*runs)]
    assert names == [
        "pi-gan width=8 depth=2 (a)", "pi-gan width=8 depth=2 (b)", "silence", "noise"
    ]  # fmt: skip


def test_autoencoder_hears_its_sounds(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "long"
    folder.mkdir()
    soundfile.write(folder / "hiss.wav", np.full(4_096, 0.5), 16_000)
    run = write_run(
        tmp_path / "run", folder, 0.5, meta_architecture="autoencoder", audio_length=4_096
    )
    (row, *_) = measured(run)
    assert row.name.endswith("autoencoder")
    assert row.mean["mse"] == pytest.approx(0.0, abs=1e-3)


def test_moved_recordings_are_named(data: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", data, 0.1)
    rows = measured(run)
    moved = data.rename(tmp_path / "moved")
    with pytest.raises(DataError, match="--data of synth report"):
        measured(run)
    assert [row.mean for row in measured(run, data=moved)] == [row.mean for row in rows]


def test_what_can_not_be_reported(data: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", data, 0.1)
    with pytest.raises(ConfigError, match=r"holds no run \(no config\.yaml\)"):
        measured(tmp_path / "data")
    (run / "model.pt").write_bytes(b"junk")
    with pytest.raises(ModelFileError, match=r"model\.pt: can't be read"):
        measured(run)
    again = write_run(tmp_path / "again", data, 0.1)
    (data / "hiss_60_100.wav").unlink()
    with pytest.raises(DataError, match="are not those that it learned"):
        measured(again)
    config = yaml.safe_load((again / "config.yaml").read_text())
    (again / "config.yaml").write_text(yaml.safe_dump({**config, "family": "codec"}))
    with pytest.raises(ConfigError, match="is a run of codec; runs of inr can be reported"):
        measured(again)


ROW = Row(
    "notes", "pi-gan", ("a", "b"), 100, 792_322, 5,
    {"mse": 1.3219, "stft": 0.06, "cdpam": None}, {"mse": 0.3, "stft": 0.02, "cdpam": None},
)  # fmt: skip


def test_forms() -> None:
    nothing = dict.fromkeys(ROW.mean)
    rows = [ROW, replace(ROW, name="noise", runs=(), steps=0, parameters=0, spread=nothing)]
    assert figure(1.3219, 0.3) == "1.32 ± 0.3"
    text = as_text([*rows, *rows]).split("\n\n")
    assert text[0] == text[2] == "notes, 5 sounds"
    assert text[1] == text[3]
    heading, first, second = text[1].splitlines()
    assert first.index("792322") + 6 == heading.index("parameters") + 10  # aligned to the right
    assert "1.32 ± 0.3" in first
    assert second.split() == ["noise", "1.32", "0.06", "-"]
    marked = as_markdown(rows).splitlines()
    assert all(line.startswith("| ") and line.endswith(" |") for line in marked[2:])
    cells = list(csv.reader(io.StringIO("\n".join(marked[2:])), delimiter="|"))
    assert {len(row) for row in cells} == {9}
    assert json.loads(json.dumps(as_data(rows)))[0]["runs"] == ["a", "b"]


def test_command(data: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", data, 0.1)
    given = ["report", str(run), "--no-cdpam", "--cache", str(tmp_path / "cache")]
    done = CliRunner().invoke(cli, [*given, "--json"])
    assert done.exit_code == 0, done.output
    assert [row["name"] for row in json.loads(done.stdout)][1:] == ["silence", "noise"]
    assert "| silence" in CliRunner().invoke(cli, [*given, "--markdown"]).stdout
    assert CliRunner().invoke(cli, [*given, "--markdown", "--json"]).exit_code == 2
