"""The manners of the commands: quiet ends, progress, examples, completion, and what is said."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from builders import write_effect, write_sampler
from cli_rig import PATIENCE_S, SYNTH, Player, call, environment, on_terminal, run

from synth.cli import COMMANDS, cli
from tests.conftest import JackServer
from tests.realtime.jack_peers import Keyboard, Listener, wait_until

ROOT = Path(__file__).parents[2]
SILENT = ("--driver", "null", "--no-osc")


def test_ctrl_c_ends_make_play_quietly(tmp_path: Path) -> None:
    """No "make: ***", and the exit code of make is that of an interrupted program or 0."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    bin_ = tmp_path / "venv" / "bin"
    bin_.mkdir(parents=True)
    (bin_ / "python").symlink_to(sys.executable)
    (bin_ / "synth").symlink_to(SYNTH)
    (tmp_path / "venv" / "play.stamp").touch()
    played = [*SILENT, "--seconds", "60"]
    done = on_terminal(
        tmp_path, "-s", "-C", ROOT, "play", f"VENV={tmp_path / 'venv'}", f"ARGS={' '.join(played)}",
        program="make", seen=lambda shown: "Ctrl-C ends" in shown,
    )  # fmt: skip
    assert done.code in (0, 130, -2)
    assert "Ctrl-C ends" in done.out
    assert "make" not in done.out
    assert "Error" not in done.out
    assert "Traceback" not in done.out


def test_make_play_still_fails_where_synth_fails(tmp_path: Path) -> None:
    bin_ = tmp_path / "venv" / "bin"
    bin_.mkdir(parents=True)
    (bin_ / "python").symlink_to(sys.executable)
    (bin_ / "synth").symlink_to(SYNTH)
    (tmp_path / "venv" / "play.stamp").touch()
    command = ["make", "-s", "-C", str(ROOT), "play", f"VENV={tmp_path / 'venv'}"]
    done = subprocess.run(
        [*command, "ARGS=nowhere.onnx"], env=environment(tmp_path), check=False,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "nowhere.onnx" in done.stderr


@pytest.mark.peers
def test_its_clients_in_jack_are_called_synth(
    jack_server: JackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Audio and MIDI; with another keyboard there, it doesn't listen to itself."""
    import jack

    monkeypatch.setenv("SYNTH_MIDI_API", "jack")
    arguments = (write_sampler(tmp_path), "--midi", "--midi-out")
    with Keyboard(), Player(tmp_path, *arguments) as player, Listener(jack_server.name) as listener:
        listener.connect(PATIENCE_S)
        assert wait_until(lambda: player.status().get("playing") == 1, PATIENCE_S), player.output
        seer = jack.Client("seer", servername=jack_server.name, no_start_server=True)
        try:
            assert wait_until(lambda: bool(seer.get_ports("synth.*:", is_midi=True)), PATIENCE_S)
            clients = {port.name.partition(":")[0] for port in seer.get_ports()}
            ours = clients - {"system", "keyboard", "seer", "listener"}
            assert any(p.name.startswith("synth:out_") for p in seer.get_ports(is_audio=True))
            assert ours
            assert all(re.fullmatch(r"synth(-\d+)?", name) for name in ours), clients
        finally:
            seer.close()


def test_rendering_shows_its_progress_on_a_terminal_alone(tmp_path: Path) -> None:
    path = write_sampler(tmp_path)
    shown = on_terminal(tmp_path, "render", path, "-o", "a.wav", "--tail", "20", "--block", "64")
    assert shown.code == 0
    assert re.search(r"rendered .*\d+%", shown.out)
    piped = run(tmp_path, "render", path, "-o", "b.wav", "--tail", "0")
    assert piped.code == 0
    assert piped.err == ""
    assert len(piped.out.splitlines()) == 1


def test_rendering_replaces_a_file_only_when_told_to(tmp_path: Path) -> None:
    path = write_sampler(tmp_path)
    out = tmp_path / "out.wav"
    out.write_bytes(b"an older take")
    refused = run(tmp_path, "render", path, "-o", out, "--tail", "0")
    assert refused.code == 3
    (line,) = refused.err.splitlines()
    assert "out.wav" in line
    assert "--force" in line
    assert out.read_bytes() == b"an older take"
    assert run(tmp_path, "render", path, "-o", out, "--tail", "0", "--force").code == 0
    assert out.read_bytes()[:4] == b"RIFF"


def test_an_effect_without_input_says_so(tmp_path: Path) -> None:
    effect, sampler = write_effect(tmp_path), write_sampler(tmp_path)
    (line,) = run(tmp_path, "play", effect, *SILENT, "--seconds", "0.2").err.splitlines()
    assert "effect is an effect and no --input is given" in line
    assert "nothing sounds" in line
    for instruments in ((sampler,), (sampler, effect)):
        assert run(tmp_path, "play", *instruments, *SILENT, "--seconds", "0.2").err == ""
    refused = run(tmp_path, "render", effect, "-o", "out.wav")
    assert refused.code == 2
    assert "--input is missing" in refused.err
    assert not (tmp_path / "out.wav").exists()


def test_piped_output_says_where_it_can_be_reached(tmp_path: Path) -> None:
    path = write_sampler(tmp_path)
    done = run(tmp_path, "play", path, "--driver", "null", "--osc-port", "0", "--seconds", "0.5")
    first = done.out.splitlines()[0]
    assert "playing small" in first
    assert re.search(r"osc udp 127\.0\.0\.1:\d+", first)
    assert re.search(r"page http://127\.0\.0\.1:\d+", first)


def test_info_gives_the_name_in_osc_addresses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_sampler(tmp_path)
    assert "/small/<control>" in call(capsys, "info", path).out
    assert '"osc_name": "small"' in call(capsys, "info", path, "--json").out


def every_command() -> list[str]:
    """The names of all commands, those of `synth train` in two words."""
    names = []
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        group = isinstance(command, click.Group)
        inner = command.list_commands(click.Context(command)) if group else []
        names += [name, *(f"{name} {each}" for each in inner)]
    return names


GROUPS = ("timbre", "train")


@pytest.mark.parametrize("name", every_command())
def test_every_help_has_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A line that begins with the command itself, and whose flags exist."""
    text = call(capsys, *name.split(), "--help").out
    examples = re.findall(rf"^ +(synth {name}\b.*)$", text, re.MULTILINE)
    assert examples, text
    for example in examples:
        sub = example.split()[2] if name in GROUPS else ""
        known = call(capsys, name, sub, "--help").out if sub else text
        for flag in re.findall(r"(?<= )--[a-z-]+", example):
            assert re.search(rf"{flag}\b", known.split("Options:")[1]), flag


def completed(shell: str, words: str, folder: Path) -> str:
    """What `synth` answers to a shell that asks how the last word can go on."""
    more = {"_SYNTH_COMPLETE": f"{shell}_complete", "COMP_WORDS": words}
    more["COMP_CWORD"] = str(len(words.split(" ")) - 1)
    done = subprocess.run(
        [str(SYNTH)], env={**environment(folder), **more}, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_commands_and_options_are_completed(tmp_path: Path, shell: str) -> None:
    assert "play" in completed(shell, "synth pl", tmp_path)
    assert "render" not in completed(shell, "synth pl", tmp_path)
    assert "--lookahead" in completed(shell, "synth play --look", tmp_path)


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_line_of_the_readme_completes(tmp_path: Path, shell: str) -> None:
    """In the shell itself, where it is installed."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    line = next(
        x for x in (ROOT / "README.md").read_text("utf-8").splitlines() if f"={shell}_source" in x
    )
    ask = {
        "bash": 'COMP_WORDS=(synth pl); COMP_CWORD=1; _synth_completion synth; echo "$COMPREPLY"',
        "zsh": 'words=(synth pl); CURRENT=2; compadd() { :; }; _describe() { echo "${(@P)3}"; };'
        " _synth_completion",
    }
    before = "compdef() { :; }; " if shell == "zsh" else ""
    own = environment(tmp_path)
    done = subprocess.run(
        [shell, "-c", f"{before}{line}\n{ask[shell]}"], capture_output=True, text=True, check=False,
        env={**own, "PATH": f"{SYNTH.parent}:{own['PATH']}"}, timeout=60,
    )  # fmt: skip
    assert "play" in done.stdout, done.stderr
