"""`synth match`: what it writes, what it says, and what it refuses."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from cli_rig import SYNTH, call

from synth.models.inverse.voices import Patch
from training.match.search import Search

RATE = 44_100


def note(path: Path, hz: float = 220.0, seconds: float = 0.4, channels: int = 1) -> Path:
    time = np.arange(round(seconds * RATE)) / RATE
    sound = 0.3 * np.sin(2 * np.pi * hz * time) * np.exp(-3 * time)
    soundfile.write(path, np.stack([sound] * channels, 1), RATE)
    return path


def test_one_target_gives_patches_sounds_and_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = note(tmp_path / "note.wav", channels=2)
    out = tmp_path / "out"
    done = call(capsys, "match", target, "--budget", "0", "--keep", "2", "-o", out)
    assert done.code == 0
    assert re.search(r"^note: [\d.]+ dB in [\d.]+ s$", done.out, re.MULTILINE)
    assert "2 channels are mixed to one" in done.err
    best, second = Patch.read(out / "patch.json"), Patch.read(out / "patch-2.json")
    assert best.voice == "modular"
    assert best.values != second.values
    assert best.values["keyboard_midi_f0"] == pytest.approx(57, abs=0.1)
    for name in ("match.wav", "match-2.wav", "target.wav"):
        assert soundfile.info(out / name).samplerate == RATE
    page = (out / "report.html").read_text()
    assert page.count("data:image/png;base64,") == page.count("<audio") == 3
    assert "http" not in page.replace("http-equiv", "")
    assert "knobs that differ most" in page
    assert "spectral optimal transport" in page


@pytest.mark.parametrize("during", ["_draw", "_refine", "_evolve"])
def test_an_interrupt_keeps_the_best_patch_so_far(
    during: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Search, during, interrupted)
    first, second = note(tmp_path / "a.wav"), note(tmp_path / "b.wav", 440)
    out = tmp_path / "out"
    done = call(capsys, "match", first, second, "--budget", "0.5", "--keep", "1", "-o", out)
    assert done.code == 130
    assert Patch.read(out / "a" / "patch.json").voice == "modular"
    assert soundfile.info(out / "a" / "match.wav").frames > 0
    assert "stopped early" in (out / "report.html").read_text()
    assert not (out / "b").exists()
    assert "Traceback" not in done.err


def test_a_folder_gives_a_table_and_leaves_out_what_is_no_audio(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "notes", tmp_path / "out"
    folder.mkdir()
    note(folder / "a.wav", 220)
    note(folder / "b.wav", 440)
    soundfile.write(folder / "silent.wav", np.zeros(RATE), RATE)
    done = call(capsys, "match", folder, "--budget", "0", "--keep", "1", "-o", out)
    assert done.code == 0
    assert "left out" in done.err
    assert "silent.wav" in done.err
    rows = list(csv.DictReader((out / "matches.csv").read_text().splitlines()))
    assert [row["target"] for row in rows] == ["a", "b"]
    assert float(rows[1]["key"]) == pytest.approx(69, abs=0.1)
    assert float(rows[0]["multi_scale_spectral"]) > 0
    for name in ("a", "b"):
        assert json.loads((out / name / "patch.json").read_text())["synth_patch"] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("missing.wav",), 3, ("missing.wav", "no such file")),
        (("note.wav", "--voice", "organ"), 2, ("organ", "modular")),
        (("note.wav", "--budget", "-1"), 2, ("budget", "-1")),
        (("note.wav", "--keep", "0"), 2, ("keep", "0")),
        (("note.wav", "--loss", "ears"), 2, ("ears", "mel")),
        (("note.wav", "--model", "none.onnx"), 3, ("none.onnx", "no such model")),
        (("note.wav", "--model", "text.onnx"), 3, ("text.onnx", "ONNX")),
        (("text.wav",), 3, ("text.wav", "audio")),
        (("silent.wav",), 3, ("silent.wav", "silent")),
        (("empty",), 3, ("empty", "no audio")),
    ],
)
def test_what_is_refused(
    arguments: tuple[str, ...],
    code: int,
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    note(tmp_path / "note.wav")
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    for name in ("text.wav", "text.onnx"):
        (tmp_path / name).write_text("nothing of the kind")
    (tmp_path / "empty").mkdir()
    done = call(capsys, "match", *arguments)
    assert done.code == code
    line = done.err.splitlines()[-1]
    assert all(word in line for word in words), line


def test_a_folder_that_cant_be_written_into_is_refused_before_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def searched(*arguments: object) -> None:
        raise AssertionError

    target = note(tmp_path / "note.wav")
    monkeypatch.setattr(Search, "run", searched)
    taken = call(capsys, "match", target, "-o", target)
    assert taken.code == 3
    assert "can't be made (File exists); choose another --out" in taken.err
    # Root may write anywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: mode & os.W_OK == 0)
    closed = call(capsys, "match", target, "-o", tmp_path / "out")
    assert closed.code == 3
    assert "can't be written into; choose another --out" in closed.err


def test_without_torch_it_says_what_to_install(tmp_path: Path) -> None:
    lacking = "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n"
    (tmp_path / "torch.py").write_text(lacking)
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [str(SYNTH), "match", str(note(tmp_path / "note.wav"))], cwd=tmp_path, check=False,
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 3
    assert "needs the package torch" in done.stderr
    assert ".[train]" in done.stderr
    assert "Traceback" not in done.stderr
