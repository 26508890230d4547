"""Generated clients of instruments that nobody thought of when the generators were written."""

from __future__ import annotations

import ast
import json
import re
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from builders import write_effect, write_sampler
from pythonosc.osc_message import OscMessage

from realtime.clients.max import max_patch
from realtime.clients.puredata import puredata_patch
from realtime.clients.surface import Surface, number
from realtime.clients.write import GENERATORS, MAX_ELEMENTS, MAX_FADERS, surface_of, write_clients
from realtime.namespace.namespace import Namespace
from realtime.oscquery.tree import Tree
from synth.contract import METADATA_KEY, Control, DataError, Manifest, ModelFileError
from synth.contract.roles import ROLES
from tests.realtime.jack_peers import wait_until

PATIENCE_S = 20.0
ODD = (
    Control("wild", 40, (-1e-7,), (3e38,), (0.0,), description='say "hi"; {x}, \\ $1 \'\n# end'),
    Control("steps", 1, (-3.0,), (3.0,), (3.0,), curve="integer"),
    Control("many", 1, (0.0,), (1e6,), (0.0,), curve="integer"),
    *(Control(f"c{i}", unit="Hz") for i in range(80)),
)


def surface(*controls: Control) -> Surface:
    tree = Tree(Namespace({"odd": controls})).node("/")
    return surface_of(tree, "odd", "127.0.0.1", 9000)


def test_faders_are_those_that_make_sense() -> None:
    """Nothing that notes set, no number of a million steps; of a long vector the first elements;
    the sweep goes where there is room."""
    shown = surface(*ODD, Control("gate", role="gate"), Control("key", role="key"))
    names = [f.name for f in shown.faders]
    assert len(names) == MAX_FADERS
    assert names[:MAX_ELEMENTS] == [f"wild/{i}" for i in range(MAX_ELEMENTS)]
    assert {"gate", "key", "many"}.isdisjoint(names)
    steps = next(f for f in shown.faders if f.name == "steps")
    assert steps.sweep == (3.0, pytest.approx(1.2))
    assert {"/panic", "/all_notes_off"} <= set(shown.buttons)
    assert surface().mover.address == "/gain"


def test_only_what_would_fight_has_no_fader() -> None:
    """Notes and the transport set their controls themselves; whatever else a control's role or name
    is, nothing else sets it, or only on top of its fader."""
    shown = surface(*(Control(role or "plain", role=role) for role in ROLES))
    names = {f.address for f in shown.faders}
    left_out = {role for role in ROLES if f"/odd/{role or 'plain'}" not in names}
    assert left_out == {"gate", "key", "velocity", "tempo", "beat"}
    names = {f.name for f in surface(Control("pitch"), Control("trigger"), Control("gate")).faders}
    assert {"pitch", "trigger", "gate"} <= names


@pytest.mark.parametrize(
    "controls", [ODD, (), (Control("x1", unit="s"),)], ids=["odd", "none", "one"]
)
def test_all_addresses_and_values_are_taken(controls: tuple[Control, ...]) -> None:
    """What stands in the tables of a client can be sent, as float32, and nothing is clamped."""
    namespace = Namespace({"odd": controls})
    shown = surface(*controls)
    for name, generate in GENERATORS.items():
        text = generate(shown)
        rows = re.findall(
            r'^ +[\[(](?:"\w+", )?"(/[^"]+)", ([^,]+), ([^,]+), ([^,\])]+)', text, re.M
        )
        assert len(rows) == (0 if name.endswith(("pd", "maxpat")) else len(shown.faders)), name
        for address, *values in rows:
            for value in values:
                namespace.resolve(address, [float(np.float32(value))])
        if name.endswith("py"):
            ast.parse(text)
        if name.endswith("maxpat"):
            json.loads(text)
        for address in re.findall(r"(?<![\w/])/odd(?:/\w+)+", text):
            assert namespace.find(address), f"{name}: {address}"
    assert namespace.counters["clamped"] == 0


def test_numbers_are_plain() -> None:
    """No exponents: Pure Data and Max read those as words."""
    for value in (0.0, 1.0, -80.0, 0.1, 1e-7, 3e38, 123456.789, np.float32(0.1)):
        text = number(value)
        assert re.fullmatch(r"-?\d+(\.\d+)?", text)
        assert float(text) == pytest.approx(value, rel=1e-6, abs=1e-9)


@pytest.mark.peers
@pytest.mark.parametrize("write", [write_sampler, write_effect])
def test_pure_data_opens_the_patch_of_any_instrument(write: type, tmp_path: Path) -> None:
    """Pd complains on its error output of what it can't make or connect."""
    pd = shutil.which("pd")
    if pd is None:
        pytest.skip("pd is not installed (Debian: apt install puredata-core)")
    write_clients(str(write(tmp_path)), tmp_path, port=9)
    patch = tmp_path / "puredata" / "play.pd"
    log = tmp_path / "pd.log"
    command = [pd, "-nogui", "-nosound", "-nomidi", "-stderr", "-noprefs", "-open", str(patch)]
    with log.open("wb") as stream:
        process = subprocess.Popen([*command, "-send", "pd quit"], stdout=stream, stderr=stream)
        try:
            assert wait_until(lambda: process.poll() is not None, PATIENCE_S)
        finally:
            process.kill()
            process.wait()
    assert log.read_text() == ""


@pytest.mark.peers
def test_pure_datas_sliders_start_at_the_defaults(tmp_path: Path) -> None:
    """They stand there when the patch is open, and send nothing until they are moved."""
    pd = shutil.which("pd")
    if pd is None:
        pytest.skip("pd is not installed (Debian: apt install puredata-core)")
    controls = (
        Control("low", 1, (-3.0,), (1.0,), (-3.0,)),
        Control("high", 1, (0.0,), (8.0,), (8.0,)),
        Control("between", 2, (20.0,), (20_000.0,), (440.0, 2_000.0)),
        Control("steps", 1, (0.0,), (7.0,), (5.0,), curve="integer"),
    )
    shown = surface(*controls)
    # Every slider hears the word "probe", so that it can be asked where it stands.
    text = puredata_patch(shown).replace(" 0 0 empty empty ", " 0 0 empty probe ")
    patch = tmp_path / "play.pd"
    patch.write_text(text)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(PATIENCE_S)
        command = [pd, "-nogui", "-nosound", "-nomidi", "-noprefs", "-open", str(patch)]
        command += ["-send", f"synth-port {ear.getsockname()[1]}", "-send", "synth-status bang"]
        process = subprocess.Popen([*command, "-send", "probe bang"], stderr=subprocess.DEVNULL)
        try:
            first = OscMessage(ear.recv(4_096)).address
            heard = {}
            while len(heard) < len(shown.faders):
                message = OscMessage(ear.recv(4_096))
                heard[message.address] = message.params[0]
        finally:
            process.kill()
            process.wait()
    assert first == "/status"  # nothing was sent before it was asked for
    for fader in shown.faders:
        width = fader.maximum - fader.minimum
        assert heard[fader.address] == pytest.approx(fader.default, abs=2e-4 * width), fader


def test_maxs_sliders_start_at_the_defaults() -> None:
    """The patch sets each when it is loaded, by a message that makes the slider send nothing."""
    shown = surface(*ODD)
    patcher = json.loads(max_patch(shown))["patcher"]
    boxes = {box["box"]["id"]: box["box"] for box in patcher["boxes"]}
    cords = [
        (line["patchline"]["source"][0], line["patchline"]["destination"][0])
        for line in patcher["lines"]
    ]
    sliders = [name for name, box in boxes.items() if box["maxclass"] == "slider"]
    assert len(sliders) == len(shown.faders)
    for slider, fader in zip(sliders, shown.faders, strict=True):
        (message,) = [a for a, b in cords if b == slider]
        assert [boxes[a]["text"] for a, b in cords if b == message] == ["loadbang"]
        word, share = boxes[message]["text"].split()
        assert word == "set"
        value = fader.minimum + float(share) * (fader.maximum - fader.minimum)
        assert value == pytest.approx(fader.default, abs=1e-6 * (fader.maximum - fader.minimum))


def test_what_can_not_be_made_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"nothing\.onnx"):
        write_clients(str(tmp_path / "nothing.onnx"), tmp_path)
    blocked = tmp_path / "blocked"
    blocked.write_text("a file")
    with pytest.raises(DataError, match=r"blocked.*--out"):
        write_clients(None, blocked)


def test_a_manifest_is_enough(tmp_path: Path) -> None:
    """No runtime is loaded for an ONNX instrument; a TorchScript file with a manifest, which isn't
    run, needs no trust, and one without does."""
    code = (
        "import sys; from realtime.clients.write import write_clients;"
        f"write_clients(None, {str(tmp_path / 'default')!r});"
        "print({'onnxruntime', 'torch'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
    manifest = Manifest("Odd one", "test", "effect", 48_000, 64, 1, 1, controls=ODD)
    for name, texts in (("with.ts", {METADATA_KEY: manifest.to_json()}), ("without.ts", {})):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("x/code/x.py", "")
            for key, text in texts.items():
                archive.writestr(f"x/extra/{key}", text)
    script, *_ = write_clients(str(tmp_path / "with.ts"), tmp_path / "with")
    assert "/odd_one/steps" in script.read_text()
    with pytest.raises(ModelFileError, match="--trust"):
        write_clients(str(tmp_path / "without.ts"), tmp_path / "without")
