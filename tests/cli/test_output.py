"""Output that nobody takes: a closed or full stdout or stderr, a terminal without the letters."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
import torch
from builders import SMALL, small_codec, tone, write_sampler
from cli_rig import PATIENCE_S, SYNTH, Done, environment, on_terminal, run

from synth.models.package import pack

SILENT = ("--driver", "null", "--no-osc")
# How a shell says that nobody takes what is printed.
NOBODY = {
    "reader gone": "2>err | true",
    "both gone": "2>&1 | true",
    "stdout full": ">/dev/full 2>err",
    "both full": ">/dev/full 2>/dev/full",
    "stdout closed": ">&- 2>err",
    "stderr closed": "2>&- >out",
    "all closed": "<&- >&- 2>&-",
}


def shell(folder: Path, line: str, torch_free: bool = True, **more: str) -> int:
    """Run a line of bash in which `synth` is this project's command; the command's exit code."""
    own = environment(folder) if torch_free else dict(os.environ)
    function = f'synth() {{ "{SYNTH}" "$@"; }}; '
    done = subprocess.run(
        ["bash", "-c", f"{function}{line}; exit ${{PIPESTATUS[0]}}"],
        cwd=folder, env={**own, **more}, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode


@pytest.mark.parametrize("nobody", NOBODY.values(), ids=NOBODY)
def test_sound_goes_on_to_its_end(tmp_path: Path, nobody: str) -> None:
    """A recording from the first to the last second is there, and no traceback."""
    write_sampler(tmp_path)
    command = "synth play small.onnx --driver null --no-osc --seconds 2.5 --record take.wav"
    assert shell(tmp_path, f"{command} {nobody}") == 0
    heard = soundfile.info(tmp_path / "take.wav")
    assert heard.duration > 2.0
    for name in ("err", "out"):
        if (tmp_path / name).exists():
            assert "Traceback" not in (tmp_path / name).read_text()


@pytest.mark.parametrize("nobody", NOBODY.values(), ids=NOBODY)
def test_what_is_made_is_made(tmp_path: Path, nobody: str) -> None:
    """Files of render and clients are whole, and the code says so."""
    write_sampler(tmp_path)
    assert shell(tmp_path, f"synth render small.onnx -o out.wav --tail 0 {nobody}") == 0
    assert soundfile.info(tmp_path / "out.wav").frames > 1000
    assert shell(tmp_path, f"synth clients small.onnx --out clients {nobody}") == 0
    assert len(list((tmp_path / "clients").iterdir())) >= 5


ANSWERS = (
    "info small.onnx", "info small.onnx --json", "devices", "doctor",
    "bench small.onnx --seconds 0.05 --voices 1",
)  # fmt: skip


@pytest.mark.parametrize("command", ANSWERS)
def test_an_answer_that_is_lost_on_a_full_disk_is_an_error(tmp_path: Path, command: str) -> None:
    """In one line; a reader that has left wanted no more."""
    write_sampler(tmp_path)
    assert shell(tmp_path, f"synth {command} 2>err | true") == 0
    assert (tmp_path / "err").read_text() == ""
    assert shell(tmp_path, f"synth {command} >&- 2>err") == 0
    assert (tmp_path / "err").read_text() == ""
    assert shell(tmp_path, f"synth {command} >/dev/full 2>err") == 3
    (line,) = (tmp_path / "err").read_text().splitlines()
    assert "can't be written (No space left on device)" in line


@pytest.mark.parametrize("nobody", ["2>&1 | true", ">/dev/full 2>/dev/full", "<&- >&- 2>&-"])
def test_learning_and_export_go_on(tmp_path: Path, nobody: str) -> None:
    """Every step is done, and each file is written."""
    (tmp_path / "data").mkdir()
    soundfile.write(tmp_path / "data" / "a_C4.wav", tone(60, 1.0, 16_000), 16_000)
    small = (
        "--preset tiny --steps 6 --log-every 1 --batch-size 2 --crop-seconds 0.1"
        " --sample-rate 16000 --channels 4 --strides 2,4,8 --dilations 1 --latent-dim 8 --levels 2"
        " --codebook-size 16 --mel-windows 64,256 --no-fast --eval-seconds 1"
        " --statistics-seconds 1 --threads 1 --accelerator cpu --cache cache"
    )
    command = f"synth train codec data --out mine {small} {nobody}"
    assert shell(tmp_path, command, torch_free=False) == 0
    rows = (tmp_path / "mine" / "metrics.csv").read_text().splitlines()
    assert rows[-1].startswith("6,")
    assert shell(tmp_path, f"synth export mine/model.pt {nobody}", torch_free=False) == 0
    assert (tmp_path / "mine" / "mine.onnx").is_file()


def test_a_reader_that_stopped_reading_holds_nothing_up(tmp_path: Path) -> None:
    """A pipe that is full from the start, and stays so."""
    write_sampler(tmp_path)
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETFL, os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while os.write(writer, b"x" * 4096):
            pass
    fcntl.fcntl(writer, fcntl.F_SETFL, 0)
    process = subprocess.Popen(
        [str(SYNTH), "play", "small.onnx", *SILENT, "--seconds", "1.5"],
        cwd=tmp_path, env=environment(tmp_path), stdout=writer, stderr=writer,
    )  # fmt: skip
    begun = time.monotonic()
    try:
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        os.close(reader)
        os.close(writer)
    assert time.monotonic() - begun < PATIENCE_S


def test_a_pipe_that_never_blocks_loses_nothing(tmp_path: Path) -> None:
    """Programs that start others with such pipes get the whole answer, however late they read."""
    path = write_sampler(tmp_path)
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    fcntl.fcntl(writer, fcntl.F_SETFL, os.O_NONBLOCK)
    process = subprocess.Popen(
        [str(SYNTH), "info", str(path), "--json"],
        cwd=tmp_path, env=environment(tmp_path), stdout=writer,
    )  # fmt: skip
    os.close(writer)
    time.sleep(2.0)  # by then it waits for room
    with open(reader, "rb") as pipe:
        told = json.loads(pipe.read())
    assert process.wait(PATIENCE_S) == 0
    assert told["name"] == "small"


@pytest.mark.parametrize("coding", ["latin-1", "ascii", "cp1252"])
def test_letters_that_the_terminal_lacks(tmp_path: Path, coding: str) -> None:
    path = write_sampler(tmp_path)
    for command in (
        f"synth info {path.name} >out 2>err",
        "synth info nothing…α.onnx >out 2>err",
        "synth play small.onnx --driver null --no-osc --seconds 0.1 --record α.wav >out 2>err",
        "synth render small.onnx -o β.wav --tail 0 >out 2>err",
    ):
        shell(tmp_path, command, PYTHONIOENCODING=coding)
        for name in ("out", "err"):
            assert b"Traceback" not in (tmp_path / name).read_bytes()
    assert (tmp_path / "α.wav").is_file()
    assert (tmp_path / "β.wav").is_file()


NAMES = ("[/x].wav", "[red]a.wav", ":cat:.wav", "a\udcff.wav", "\x1b[2Ja\nb.wav")


@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_a_recording(tmp_path: Path, name: str) -> None:
    """On a terminal it is shown as it is, but for its control characters."""
    write_sampler(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    done = on_terminal(tmp_path, "play", "small.onnx", *SILENT, "--seconds", "1", "--record", name)
    assert done.code == 0, done.out
    assert (tmp_path / name).is_file()
    if name.isprintable():
        assert name in done.out
    assert "\x1b[2J" not in done.out


def test_any_name_of_an_instrument(tmp_path: Path) -> None:
    (tmp_path / "a\udcff[x].onnx").write_bytes(write_sampler(tmp_path).read_bytes())
    for arguments in (
        ("info", "a\udcff[x].onnx"),
        ("render", "a\udcff[x].onnx", "-o", "b\udcfe.wav", "--tail", "0"),
        ("render", "a\udcff[x].onnx", "-o", "b\udcfe.flac", "--tail", "0"),
        ("play", "a\udcff[x].onnx", *SILENT, "--seconds", "0.5", "--record", "c\udcff.flac"),
        ("render", "--session", "c\udcff.flac", "-o", "again\udcff.flac"),
        ("clients", "a\udcff[x].onnx", "--out", "d\udcff"),
    ):
        log = tmp_path / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [str(SYNTH), *map(os.fsencode, arguments)],
                cwd=tmp_path, env=environment(tmp_path), stdout=out, stderr=out,
            )  # fmt: skip
            code = process.wait(60)
        assert code == 0, log.read_bytes()
        assert b"Traceback" not in log.read_bytes()
    assert (tmp_path / "again\udcff.flac").is_file()


def test_recordings_of_any_name_are_learned_from(tmp_path: Path) -> None:
    (tmp_path / "da\udcff[ta]").mkdir()
    sound = tone(60, 1.0, 16_000)
    soundfile.write(os.fsencode(tmp_path / "da\udcff[ta]" / "[b]\udcfe_C4.wav"), sound, 16_000)
    data = "$'da\\xff[ta]'"
    small = "--preset tiny --sample-rate 16000 --cache cache"
    command = f"synth train codec {data} {small} --dry-run >out 2>err"
    assert shell(tmp_path, command, torch_free=False) == 0, (tmp_path / "err").read_bytes()
    command = f"synth train codec {data} {small} --dry-run --json >out 2>err"
    assert shell(tmp_path, command, torch_free=False) == 0, (tmp_path / "err").read_bytes()
    assert json.loads((tmp_path / "out").read_text())


def test_the_level_is_a_bar_while_there_is_sound(tmp_path: Path) -> None:
    write_sampler(tmp_path)
    bar = re.compile(r"\[#+\.*\] +-?\d+\.\d dBFS")
    done = on_terminal(
        tmp_path, "play", "small.onnx", *SILENT, "--demo", "--seconds", "30",
        seen=lambda shown: bool(bar.search(shown)),
    )  # fmt: skip
    assert bar.search(done.out), done.out[-2000:]
    assert done.code == 130
    assert "Traceback" not in done.out


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A `model.pt` whose folder's name is markup."""
    path = tmp_path / "[bold]" / "model.pt"
    path.parent.mkdir()
    torch.save(pack("codec", small_codec(), SMALL, {}, {}), path)
    return path


def test_what_fails_says_so_in_one_line_whatever_its_name(tmp_path: Path, model: Path) -> None:
    said: Callable[..., Done] = run
    done = said(tmp_path, "info", "a\nb\x1b[2J.onnx")
    assert done.code == 3
    assert done.err.count("\n") == 1
    assert "\x1b" not in done.err
    assert "[bold]" in said(tmp_path, "info", model).err
