"""README and docs: their commands parse and run, their code plays, their links lead somewhere."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import mido
import numpy as np
import onnx
import pytest
import soundfile
from builders import effect_bytes, sampler_bytes, tone

from realtime.plugins.onnx.plugin import OnnxPlugin
from synth.cli import cli

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATIENCE_S = 120.0
# Added to the README's `synth train`, so that it takes seconds: flags win, preset or not.
SMALL_RUN = shlex.split(
    "--steps 2 --batch-size 2 --crop-seconds 0.1 --sample-rate 16000 --channels 4 --strides 2,4,8"
    " --dilations 1 --latent-dim 8 --levels 2 --codebook-size 16 --mel-windows 64,256 --no-fast"
    " --eval-seconds 1 --statistics-seconds 1 --threads 1 --accelerator cpu --cache cache"
)


def fences(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    return [text for kind, text in FENCE.findall(page.read_text("utf-8")) if kind == language]


def commands(page: Path) -> list[list[str]]:
    """Every `synth …` line in fenced shell blocks and in blocks indented by four spaces."""
    text = page.read_text("utf-8")
    shell = [block.replace("\\\n", " ") for block in fences(page, "sh")]  # one line each
    lines = [line for block in shell for line in block.splitlines()]
    lines += re.findall(r"^ {4}(synth .*)$", FENCE.sub("", text), re.MULTILINE)
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("synth ")]


def resolve(arguments: list[str]) -> click.Context:
    """Parse as the command line does, down to the last sub-command, and run nothing."""
    context = cli.make_context("synth", list(arguments))
    while isinstance(context.command, click.Group):
        rest = [*context._protected_args, *context.args]
        name, command, rest = context.command.resolve_command(context, rest)
        assert command is not None
        context = command.make_context(name, rest, parent=context)
    return context


ALL_COMMANDS = [(page, command) for page in PAGES for command in commands(page)]


@pytest.mark.parametrize(
    ("page", "arguments"), ALL_COMMANDS, ids=[f"{p.name}: {' '.join(c)}" for p, c in ALL_COMMANDS]
)
def test_commands_parse(page: Path, arguments: list[str]) -> None:
    assert not isinstance(resolve(arguments).command, click.Group)


def test_the_readme_shows_the_whole_chain() -> None:
    shown = [command[0] for command in commands(ROOT / "README.md") if command]
    assert {"train", "export", "play", "render", "info"} <= set(shown)


def test_a_wrong_flag_would_be_found() -> None:
    with pytest.raises(click.UsageError):
        resolve(["play", "--no-such-flag"])
    with pytest.raises(click.UsageError):
        resolve(["train", "codec", "recordings", "--preset", "enormous"])


def synth(arguments: list[str], folder: Path) -> str:
    """Run the real command in `folder`; what it prints."""
    program = Path(sys.executable).with_name("synth")
    done = subprocess.run(
        [str(program), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, f"synth {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout


def first(*words: str) -> list[str]:
    """The README's first command that holds all these words."""
    return next(c for c in commands(ROOT / "README.md") if set(words) <= set(c))


def write_recordings(folder: Path) -> None:
    """Two notes named by their pitch, as the README says."""
    folder.mkdir()
    for name, key in (("cello_C4", 60), ("cello_F#4", 66)):
        soundfile.write(folder / f"{name}.wav", tone(key, 1.0, 16_000), 16_000)


def write_song(path: Path) -> None:
    """One note of a second as a MIDI file."""
    track = mido.MidiTrack()
    track.append(mido.Message("note_on", note=60, velocity=100, time=0))
    track.append(mido.Message("note_off", note=60, velocity=0, time=960))
    mido.MidiFile(tracks=[track]).save(path)


@pytest.mark.slow
def test_the_chain_of_the_readme_runs(tmp_path: Path) -> None:
    write_recordings(tmp_path / "recordings")
    write_song(tmp_path / "song.mid")
    (tmp_path / "moves.jsonl").write_text('{"time": 0.2, "address": "/mine/speed", "args": [0.5]}')
    report = synth([*first("train", "--dry-run"), *SMALL_RUN], tmp_path)
    assert "nothing was trained" in report
    assert not (tmp_path / "runs").exists()
    synth([*first("train", "--out"), *SMALL_RUN], tmp_path)
    synth(first("export", "sampler"), tmp_path)
    assert "cello" in synth([*first("info"), "runs/mine/mine.onnx"], tmp_path)
    synth(first("render", "--osc"), tmp_path)
    sound, rate = soundfile.read(tmp_path / "song.wav")
    assert np.abs(sound[: rate // 2]).max() > 0.001
    resumed = [*first("train", "--resume"), *SMALL_RUN, "--steps", "4"]
    synth(resumed, tmp_path)
    synth(first("export", "effect"), tmp_path)
    assert (tmp_path / "runs/mine/mine_fx.onnx").is_file()
    assert (tmp_path / "runs/mine/mine_fx.ts").is_file()


def test_the_first_screen(tmp_path: Path) -> None:
    """What needs neither torch nor a device: info, and the demo of the bundled instrument."""
    assert "controls:" in synth(first("info"), tmp_path)
    synth(["render", "-o", "demo.wav", "--rate", "24000", "--tail", "0"], tmp_path)
    sound, _ = soundfile.read(tmp_path / "demo.wav")
    assert 0.01 < np.abs(sound).max() <= 1.0


def test_player_of_the_format_page(tmp_path: Path) -> None:
    """The code plays a file without this project, and as the engine's plugin does."""
    (code,) = fences(ROOT / "docs" / "format.md", "python")
    imported = set(re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE))
    assert imported == {"json", "wave", "numpy", "onnxruntime"}
    (tmp_path / "instrument.onnx").write_bytes(sampler_bytes())
    subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, check=True, timeout=PATIENCE_S)
    played, rate = soundfile.read(tmp_path / "note.wav", always_2d=True)

    plugin = OnnxPlugin(tmp_path / "instrument.onnx")
    manifest = plugin.manifest
    plugin.prepare(1)
    controls = {c.name: c.default_array[None].copy() for c in manifest.controls}
    hops = round(rate / manifest.hop), round(0.5 * rate / manifest.hop)
    controls["key"][:] = 60
    pieces = []
    for gate, count in zip((1, 0), hops, strict=True):
        controls["gate"][:] = gate
        pieces += [plugin.process(np.zeros(1, int), controls, None)[0] for _ in range(count)]
    expected = np.concatenate(pieces, axis=1).T.clip(-1, 1)
    assert rate == manifest.sample_rate
    assert np.abs(expected).max() > 0.001
    assert np.abs(played - expected).max() < 2 / 32767


def test_format_page_names_every_field() -> None:
    """Whatever stands in a manifest is explained; what graphs take and give is as the page says."""
    page = (ROOT / "docs" / "format.md").read_text("utf-8")
    for data, feed in ((sampler_bytes(), "frames"), (effect_bytes(), "audio")):
        graph = onnx.load_from_string(data)
        text = next(p.value for p in graph.metadata_props if p.key == "synth.manifest")
        manifest = json.loads(text)
        for field in (*manifest, *manifest["controls"][0], *manifest["state"][0]):
            assert f"`{field}`" in page, f"docs/format.md doesn't explain {field}"
        states = [s["name"] for s in manifest["state"]]
        inputs = [feed, *(c["name"] for c in manifest["controls"]), *states]
        assert [i.name for i in graph.graph.input] == inputs
        assert [o.name for o in graph.graph.output] == ["audio_out", *(f"{s}_out" for s in states)]
        assert all(name.startswith("state_") for name in states)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(FENCE.sub("", page.read_text("utf-8"))):
        if "://" not in target and not target.startswith(("#", "mailto:")):
            file, _, heading = target.partition("#")
            assert (page.parent / file).exists(), f"{page.name}: {target} doesn't exist"
            assert not heading or heading in anchors(page.parent / file), target


def anchors(page: Path) -> set[str]:
    """What `#…` can mean in a page, as forges make it of its headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    missing = [p.name for p in ROOT.glob("docs/*.md") if p.name != "README.md"]
    assert [name for name in missing if f"({name})" not in index] == []


def test_nobody_is_sent_to_another_package() -> None:
    """The name on PyPI belongs to another project: installs are from the clone."""
    for page in PAGES:
        wrong = re.findall(r"pip install [^\n]*(?<![\w/.])'?synth\b", page.read_text("utf-8"))
        assert not wrong, f"{page.name}: {wrong}"
