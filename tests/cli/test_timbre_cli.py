"""`synth timbre`: every subcommand writes what it says, and every argument acts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import soundfile
from cli_rig import Done, call
from explore_rig import CONFIG, RATE, small_model, write_model, write_note

Synth = Callable[..., Done]
QUICK = ("--iterations", 1)
SHORT = (*QUICK, "--seconds", 0.3)


@pytest.fixture
def synth(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Synth:
    """`synth timbre SUBCOMMAND …`, in this process, with a cache of its own."""
    return lambda name, *more: call(capsys, "timbre", name, *more, "--cache", tmp_path / "cache")


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs and with notes."""
    folder = tmp_path_factory.mktemp("timbre")
    notes = [write_note(folder / "notes", f"{name}_ff", key) for name, key in
             (("Flute_C4", 60), ("Oboe_E4", 64), ("Oboe_E6", 88))]  # fmt: skip
    told = {"path": str(folder / "notes"), "held_out_files": [notes[0].name]}
    write_model(folder / "first", data=told)
    write_model(folder / "second", small_model(1), data=told)
    return folder


def data(folder: Path, command: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"{command}.json").read_text())
    return found


def written(done: Done) -> set[Path]:
    """The files that a command says it wrote, all of which are there."""
    assert done.code == 0, done.err
    files = {Path(line) for line in done.out.split("\n") if line}
    assert all(file.stat().st_size for file in files)
    return files


def test_notes(synth: Synth, places: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    files = written(
        synth("notes", places / "first", places / "notes", "-o", out, *SHORT, "--phase", "heap")
    )
    assert files == set(out.iterdir())
    told = data(out, "notes")
    assert told["phase"] == {"way": "heap", "seed": 0}
    assert [note["name"] for note in told["notes"]] == ["Flute_C4_ff", "Oboe_E4_ff", "Oboe_E6_ff"]
    for note in told["notes"]:
        assert note["seconds"] == pytest.approx(0.3)
        sound, rate = soundfile.read(out / note["rebuilt"]["heap"]["file"])
        assert (len(sound), rate) == (round(0.3 * RATE), RATE)


def test_paths_between_the_notes_that_are_kept(
    synth: Synth, places: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra `video` the animation is a GIF, and that is said."""
    monkeypatch.setattr("training.explore.pictures.animation.encoder", lambda: None)
    model = places / "first" / "model.pt"
    done = synth("paths", model, "--from", "Oboe", "--to", "Piano", "-o", tmp_path / "out", *SHORT)
    names = {file.name for file in written(done)}
    assert "Oboe_to_Piano_expressive.gif" in names
    assert "animations are GIF" in done.err
    assert {f"Oboe_to_Piano_{way}.wav" for way in ("linear", "spherical", "expressive")} < names
    assert data(tmp_path / "out", "paths")["paths"][0]["keys"] == [67, 72]
    done = synth("paths", model, "--from", "Tuba", "-o", tmp_path / "out")
    assert done.code == 2
    assert "'Tuba': there are Flute, Oboe, Piano" in done.err


def test_random_paths_repeat_with_their_seed(synth: Synth, places: Path, tmp_path: Path) -> None:
    told = []
    for folder, seed in (("a", 4), ("b", 4), ("c", 5)):
        done = synth(
            "random", places / "first", "-o", tmp_path / folder, "--seed", seed, "--pitch", "C4,G4",
            "--no-animate", "--dynamics", "ff", *SHORT,
        )  # fmt: skip
        assert {f.suffix for f in written(done)} == {".wav", ".png", ".json"}
        told.append(data(tmp_path / folder, "random")["paths"])
    assert told[0] == told[1]
    assert told[0][0]["first"] != told[2][0]["first"]
    assert told[0][0]["condition"] == {"keys": [60, 67], "dynamics": 1}


def test_topology_of_labels(synth: Synth, places: Path, tmp_path: Path) -> None:
    arguments = ("topology", places / "first", "--descriptors_steps", 4, "--octave", 5,
                 "--no-animate", "-o", tmp_path / "out", *SHORT)  # fmt: skip
    for given, keys, cached in (((0, 6), [72, 78], False), ((6,), [78], True)):
        written(synth(*arguments, "--labels", *given))
        labels = data(tmp_path / "out", "topology")["labels"]
        assert [entry["condition"]["key"] for entry in labels] == keys
        assert {entry["cached"] for entry in labels} == {cached}
        assert {entry["steps"] for entry in labels} == {4}


def test_walks(synth: Synth, places: Path, tmp_path: Path) -> None:
    done = synth(
        "walk", places / "first", "--descriptor", "centroid", "flatness", "--target", "down",
        "--curve", "linear", "exponential", "--from", "Piano", "--pitch", "60", "--steps", 8,
        "--no-animate", "-o", tmp_path / "out", *SHORT,
    )  # fmt: skip
    written(done)
    told = data(tmp_path / "out", "walk")
    assert told["from"] == "Piano C5 ff"
    assert [(w["descriptor"], w["target"], w["curve"]) for w in told["walks"]] == [
        (d, "down", c) for d in ("centroid", "flatness") for c in ("linear", "exponential")
    ]
    assert {w["condition"]["key"] for w in told["walks"]} == {60}
    done = synth("walk", places / "first", "--reach", 1e6, "--steps", 8, "--no-animate",
                 "-o", tmp_path / "far", *SHORT)  # fmt: skip
    assert done.code == 0
    assert "are out of reach; first has" in done.err
    assert not data(tmp_path / "far", "walk")["walks"][0]["met"][-1]


def test_projection(synth: Synth, places: Path, tmp_path: Path) -> None:
    written(
        synth("project", places / "first", places / "notes" / "Oboe_E4_ff.wav",
              "--frames", 5, 12, "-o", tmp_path / "out", *QUICK)
    )  # fmt: skip
    told = data(tmp_path / "out", "project")
    assert told["frames"] == [5, 12]
    assert told["instruments"][0]["points"] == 7
    done = synth("project", places / "first", places / "notes", "--frames", 12, 5)
    assert done.code == 2
    assert "frames is 12 5" in done.err


def test_figures_of_two_models_with_every_argument_of_the_paper(
    synth: Synth, places: Path, tmp_path: Path
) -> None:
    out = tmp_path / "figures"
    done = synth(
        "figures", "--models", places / "first", places / "second", "--conditioning", "pitch",
        "--filter", 5, "--frames", 4, 9, "--cuda", -1, "--descriptors_steps", 4, "--output", out,
        "--plot_reconstructions", "--perceptual_infer", "--plot_descriptors", "--labels", 3,
        "--no-animate", *QUICK,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.out.strip() == str(out / "figures.json")
    told = data(out, "figures")
    assert told["labels"] == [3]
    assert told["steps"] == 4
    assert list(told["models"]) == ["first", "second"]
    for name in ("first", "second"):
        assert {p.name for p in (out / name).iterdir()} == {
            "plot_reconstructions", "perceptual_infer", "plot_descriptors"
        }  # fmt: skip
        rebuilt = data(out / name / "plot_reconstructions", "reconstructions")
        assert [note["name"] for note in rebuilt["notes"]] == ["Flute_C4_ff", "Oboe_E4_ff"]
        assert rebuilt["frames"] == [4, 9]
        mean = told["models"][name]["plot_reconstructions"]["frame_error"]
        errors = [note["frame_error"] for note in rebuilt["notes"]]
        assert mean == pytest.approx(sum(errors) / 2, rel=1e-5)
        found = data(out / name / "perceptual_infer", "project")["instruments"]
        assert [entry["instrument"] for entry in found] == ["Flute"]  # what was held out
        labels = data(out / name / "plot_descriptors", "topology")["labels"]
        assert [entry["condition"]["key"] for entry in labels] == [63]
    assert told["side_by_side"]
    assert all((out / name).is_file() for name in told["side_by_side"])


@pytest.mark.parametrize("kind", ["full_instruments", "pairwise_paths", "random_paths",
                                  "descriptor_synthesis"])  # fmt: skip
def test_each_kind_of_figure_alone(kind: str, synth: Synth, places: Path, tmp_path: Path) -> None:
    done = synth("figures", places / "first", f"--{kind}", "--labels", 0, "--steps", 4,
                 "--no-animate", "-o", tmp_path / "out", *QUICK)  # fmt: skip
    assert done.code == 0, done.err
    assert [p.name for p in (tmp_path / "out" / "first").iterdir()] == [kind]
    assert set(data(tmp_path / "out", "figures")["models"]["first"]) == {"model", "agreement", kind}


def test_figures_that_cannot_be_made(synth: Synth, places: Path, tmp_path: Path) -> None:
    done = synth("figures")
    assert done.code == 2
    assert "no MODEL is named" in done.err
    done = synth("figures", places / "first", "--conditioning", "octave", "-o", tmp_path)
    assert done.code == 2
    assert "no model is told just that (first: pitch)" in done.err
    done = synth("figures", places / "first", "--cuda", 77, "-o", tmp_path)
    assert done.code == 2
    assert "device 'cuda:77' isn't here" in done.err
    lost = write_model(tmp_path / "lost", data={"path": str(tmp_path / "gone")})
    done = synth("figures", lost, "--full_instruments", "-o", tmp_path / "out")
    assert done.code == 3
    assert "name their place with --data" in done.err


def test_models_by_what_they_are_told(synth: Synth, places: Path, tmp_path: Path) -> None:
    both = write_model(
        tmp_path / "both", small_model(config=replace(CONFIG, conditioning=("pitch", "dynamics")))
    )
    done = synth("figures", places / "first", both, "--conditioning", "dynamics,pitch",
                 "--random_paths", "--no-animate", "-o", tmp_path / "out", *QUICK)  # fmt: skip
    assert done.code == 0, done.err
    assert "left out: first, which is told pitch" in done.err
    assert list(data(tmp_path / "out", "figures")["models"]) == ["both"]
