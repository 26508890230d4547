"""Exported coordinate instruments: ONNX = TorchScript = torch, in hosts of both kinds."""

from __future__ import annotations

import io
import math
import socket
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import soundfile
import torch
from inr_sines import LEVEL, Player, cents, frequency, hertz, sines, small_inr
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from export.export_model import export_model
from export.inr.torchscript import CHUNK, export_script, stepper
from export.manifest import describe
from export.onnx.instrument_graph import export_onnx, parity
from export.parity import largest_difference
from export.torchscript.archive import load
from realtime.engine.engine import Engine
from realtime.engine.settings import EngineSettings
from realtime.namespace.event import NOW, Event
from realtime.osc.server import OscServer
from realtime.plugins.onnx.file import read_instrument
from realtime.plugins.onnx.plugin import OnnxPlugin
from realtime.plugins.rack import build_engine, load_rack
from realtime.session.offline import engine_namespace, render_events
from synth.contract import ConfigError, ModelFileError
from synth.models.inr import ARCHITECTURES, INR
from synth.models.inr.live.instrument import INRInstrument
from synth.models.package import pack

TIMBRES = ("reed", "reed", "bell", "bell")
KEYS = (60.0, 66.0, 60.0, 66.0)


def two_timbres() -> INR:
    return sines([hertz(60), hertz(66), 2 * hertz(60), 2 * hertz(66)], names=TIMBRES, keys=KEYS)


def write_model(folder: Path, model: INR) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "model.pt"
    torch.save(pack("inr", model, model.config, {}, {"data": {"path": "/home/me"}}), path)
    return path


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of `pipes.onnx` and `pipes.ts` at 48 kHz."""
    folder = tmp_path_factory.mktemp("exported")
    model = write_model(folder / "run", two_timbres())
    export_model(model, format="all", name="pipes", out=folder, sample_rate=48_000)
    return folder


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("architecture", ["pi-gan_sine_last", "pi-gan_concat_all"])
def test_architectures_export(architecture: str) -> None:
    """One of each kind; the export itself compares file and model in five block sizes."""
    size = {"width": 16, "depth": 2} if ARCHITECTURES[architecture].resizable else {}
    model = small_inr(architecture=architecture, first_omega_0=1760.0, hidden_omega_0=245.0, **size)
    instrument = INRInstrument(model, 24_000)
    _, manifest = export_onnx(instrument, describe(instrument, "x", "inr", {}))
    assert manifest.provenance["parity"] < 1e-4


def test_torchscript_is_onnx_is_torch() -> None:
    instrument = INRInstrument(small_inr(width=16, depth=3, branches=4))
    manifest = describe(instrument, "x", "inr", {})
    for _, made in (export_onnx(instrument, manifest), export_script(instrument, manifest)):
        assert made.provenance["parity"] < 1e-4
        assert made.state == manifest.state


def test_onnx_follows_controls_as_torch_does(exported: Path) -> None:
    """Not only in one block of settings: jumps, loops, freezing, one voice at a time."""
    session = onnxruntime.InferenceSession(exported / "pipes.onnx")
    _, manifest = read_instrument(exported / "pipes.onnx")
    instrument = INRInstrument(two_timbres(), 48_000)
    player = Player(instrument, 3)
    state = {s.name: np.zeros((3, *s.shape), s.dtype) for s in manifest.state}
    chance = np.random.default_rng(0)
    for i in range(30):
        for name, low, high in (("position", 0, 1), ("speed", -4, 4), ("morph", 0, 1)):
            if i % 3 == 0:
                player.set(**{name: chance.uniform(low, high, 3)})
        player.set(loop=(0.0, 1.0, 2.0), freeze=(0.0, 0.0, float(i % 7 > 3)))
        feed = {"frames": np.ones(1, np.int64), **state}
        feed |= {name: value.numpy() for name, value in player.controls.items()}
        names = ["audio_out", *(f"{s.name}_out" for s in manifest.state)]
        audio, *new = session.run(names, feed)
        state = dict(zip(state, new, strict=True))
        assert np.abs(audio[:, 0] - player.play(1).numpy()).max() < 1e-4


def test_int8_is_close_and_says_how_close(tmp_path: Path) -> None:
    """Noise at least 30 dB under the sound; products of integers in the file."""
    model = small_inr(width=64, depth=3, first_omega_0=1760.0, hidden_omega_0=245.0)
    path = write_model(tmp_path / "run", model)
    (made,) = export_model(path, weights="int8")
    provenance = made.manifest.provenance
    stated = provenance["snr_db"]
    assert stated > 30
    assert provenance["parity"] == parity(INRInstrument(model).eval(), made.path.read_bytes())
    assert provenance["graph_parity"] < provenance["parity"] < 0.1
    assert f"by {provenance['parity']:.1e}, {stated:g} dB below" in made.difference
    graph = onnx.load(made.path)
    operators = [node.op_type for node in graph.graph.node]
    assert operators.count("QuantizeLinear") == 3
    plugin = OnnxPlugin(made.path)
    plugin.prepare(1)
    controls = {c.name: c.default_array[None] for c in plugin.manifest.controls}
    controls |= {"gate": np.ones((1, 1), np.float32), "velocity": np.ones((1, 1), np.float32)}
    played = [plugin.process(np.zeros(1, np.int64), controls, None)[0, 0] for _ in range(40)]
    exact = Player(INRInstrument(model), attack=0.003).play(40)[0].numpy()
    error = np.square(np.concatenate(played) - exact).sum()
    assert abs(10 * math.log10(np.square(exact).sum() / error) - stated) < 4


def test_int8_is_for_sines(tmp_path: Path) -> None:
    path = write_model(tmp_path / "run", small_inr(architecture="im-net"))
    with pytest.raises(ConfigError, match="sines"):
        export_model(path, weights="int8")


def test_manifest_says_what_it_is(exported: Path) -> None:
    _, manifest = read_instrument(exported / "pipes.onnx")
    assert (manifest.kind, manifest.family, manifest.sample_rate) == ("generator", "inr", 48_000)
    assert manifest.sounds == ("reed", "bell")
    assert manifest.key_range == (54, 72)
    assert 3 <= 1000 * manifest.hop / manifest.sample_rate <= 12, "a hop is what a note waits for"
    assert "/home/me" not in manifest.to_json()


def test_a_file_that_plays_something_else_is_found_out() -> None:
    """A hundredth more of one product is seen in the figure that decides."""
    instrument = INRInstrument(small_inr(width=8, depth=1))
    data, _ = export_script(instrument, describe(instrument, "x", "inr", {}))
    module = load(io.BytesIO(data))
    assert largest_difference(instrument, stepper(module, instrument)) < 1e-4
    with torch.no_grad():
        for name, value in module.named_buffers():
            if ".product_" in name:
                value.mul_(1.01)
    assert largest_difference(instrument, stepper(module, instrument)) > 1e-4


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"sample_rate": 100}, "4000"),
        ({"weights": "int8", "format": "torchscript"}, "onnx"),
        ({"form": "sampler"}, "generator"),
    ],
)
def test_what_can_not_be_exported_is_said(
    tmp_path: Path, arguments: dict[str, object], reason: str
) -> None:
    path = write_model(tmp_path / "run", sines([100.0]))
    with pytest.raises((ConfigError, ModelFileError), match=reason):
        export_model(path, **arguments)  # type: ignore[arg-type]


def test_a_fixed_grid_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = write_model(tmp_path / "run", small_inr(architecture="wavegan", audio_length=16_000))
    with pytest.raises(ConfigError, match="knows no time"):
        export_model(path)


def engine_of(path: Path, trust: bool = False, voices: int = 4) -> Engine:
    settings = EngineSettings(
        sample_rate=48_000, channels=1, voices=voices, instruments=(str(path),), trust=trust
    )
    return build_engine(settings)


def note(key: float, velocity: float = 100.0) -> Event:
    return Event(NOW, "/note/on", (key, velocity))


@pytest.mark.parametrize("suffix", ["onnx", "ts"])
def test_notes_sound_in_tune_in_the_engine(exported: Path, suffix: str) -> None:
    engine = engine_of(exported / f"pipes.{suffix}", trust=True)
    engine.schedule(note(64))
    sound = torch.from_numpy(engine.render(24_000)[0])
    assert cents(frequency(sound[2000:], 48_000), hertz(64)) < 0.5
    assert float(sound[2000:].abs().max()) > 0.2
    engine.schedule(Event(NOW, "/note/off", (64.0,)))
    engine.render(48_000)
    assert engine.stats()["active_voices"] == 0
    assert engine.stats()["plugin_errors"] == 0
    engine.close()


def test_a_script_is_not_run_without_trust(exported: Path) -> None:
    with pytest.raises(ModelFileError, match="--trust"):
        load_rack([str(exported / "pipes.ts")], trust=False)


def test_program_changes_choose_timbres(exported: Path) -> None:
    engine = engine_of(exported / "pipes.onnx")
    engine.schedule(Event(NOW, "/program", (1.0,)))
    engine.schedule(note(60))
    sound = torch.from_numpy(engine.render(24_000)[0])
    assert cents(frequency(sound[2000:], 48_000), 2 * hertz(60)) < 0.5
    engine.close()


def test_onnx_and_script_are_the_same_in_the_engine(exported: Path) -> None:
    """Over notes that come and go, a morph and a loop, to 1e-4."""
    made = []
    for suffix in ("onnx", "ts"):
        engine = engine_of(exported / f"pipes.{suffix}", trust=True)
        pieces = []
        for i in range(20):
            if i % 5 == 0:
                engine.schedule(note(55 + i))
            engine.schedule(Event(NOW, "/pipes/morph", (i / 20,)))
            engine.schedule(Event(NOW, "/pipes/loop", (float(i % 2),)))
            pieces.append(engine.render(1000))
        made.append(np.concatenate(pieces, 1))
        engine.close()
    assert np.abs(made[0]).max() > 0.1
    assert np.abs(made[0] - made[1]).max() < 1e-4


def test_what_is_not_a_number_never_arrives(exported: Path) -> None:
    engine = engine_of(exported / "pipes.onnx")
    engine.schedule(note(60))
    engine.render(1000)
    for name in ("position", "speed", "latent", "loop_end"):
        engine.schedule(Event(NOW, f"/pipes/{name}", (math.nan,)))
        engine.schedule(Event(NOW, f"/pipes/{name}", (math.inf,)))
    sound = engine.render(10_000)
    assert np.isfinite(sound).all()
    assert engine.dropped == 8
    assert engine.stats()["muted_hops"] == 0
    engine.close()


def test_a_latent_of_the_wrong_size_is_answered_with_the_right_one(tmp_path: Path) -> None:
    """Over a real socket, with the engine's own names; the sound goes on."""
    path = tmp_path / "axes.onnx"
    instrument = INRInstrument(small_inr(width=8, depth=2, sounds=6))
    size = next(c.size for c in instrument.controls if c.name == "latent")
    assert size > 2
    path.write_bytes(export_onnx(instrument, describe(instrument, "axes", "inr", {}))[0])
    engine = engine_of(path)
    with OscServer(engine_namespace(engine), engine.schedule, port=0) as server:
        answer = ask(server.port, "/axes/latent", 0.1, 0.2)
    assert answer.address == "/fail"
    assert answer.params[0] == "/axes/latent"
    assert f"needs {size} numbers, got 2" in answer.params[1]
    engine.schedule(note(60))
    assert np.isfinite(engine.render(2000)).all()
    engine.close()


def test_rendering_is_the_same_twice(exported: Path, tmp_path: Path) -> None:
    """Byte for byte."""
    events = [
        Event(0, "/note/on", (60.0, 100.0)),
        Event(4_000, "/pipes/loop", (1.0,)),
        Event(9_000, "/pipes/position", (0.7,)),
        Event(12_000, "/note/on", (65.0, 80.0)),
        Event(20_000, "/pipes/morph", (0.5,)),
        Event(30_000, "/all_notes_off", ()),
    ]
    files = []
    for i in range(2):
        engine = engine_of(exported / "pipes.onnx")
        audio = render_events(engine, events, 48_000, 512)
        engine.close()
        files.append(tmp_path / f"{i}.wav")
        soundfile.write(files[i], audio.T, 48_000)
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.fixture
def nn(exported: Path) -> torch.jit.ScriptModule:
    return load(exported / "pipes.ts")  # type: ignore[no-any-return]


def phasor(samples: int, seconds: float = 1.0, rate: int = 48_000) -> torch.Tensor:
    """Position of a tape at its own speed, `[1, 1, samples]`."""
    return (torch.arange(samples) / (seconds * rate))[None, None]


def test_nn_reads_the_sound_at_the_position(nn: torch.jit.ScriptModule) -> None:
    """A line from 0 to 1 within a second is the sound; blocks are nn~'s powers of two."""
    assert nn.forward_params.tolist() == [1 + nn.axes, 1, 1, 1]
    assert len(nn.forward_input_labels) == 1 + nn.axes
    x = torch.cat([phasor(24_576), torch.zeros(1, nn.axes, 24_576)], 1)
    for block in (64, 512, 8192):
        nn.set_reset(True)
        with torch.inference_mode():
            y = torch.cat([nn(part) for part in torch.split(x, block, 2)], 2)[0, 0]
        time = torch.arange(len(y)).double() / 48_000
        wanted = LEVEL * torch.sin(2 * math.pi * hertz(60) * time)
        # A position of 24 bits is exact to a thousandth of a sample here.
        assert float((y - wanted)[100:].abs().max()) < 2e-3


def test_nn_attributes_choose_the_sound(nn: torch.jit.ScriptModule) -> None:
    x = torch.cat([phasor(24_576), torch.zeros(1, nn.axes, 24_576)], 1)
    assert nn.set_sound(1) == 0
    assert nn.set_key(66.0) == 0
    assert nn.get_sound() == (1,)
    assert nn.set_sound(7) == 1
    assert nn.set_gain_db(-20.0) == 0
    nn.set_reset(True)
    with torch.inference_mode():
        y = nn(x)[0, 0]
    assert cents(frequency(y[100:], 48_000), 2 * hertz(66)) < 0.1
    assert float(y[100:].abs().max()) == pytest.approx(LEVEL / 10, rel=0.01)


def test_nn_axes_move_without_clicks(nn: torch.jit.ScriptModule) -> None:
    """A latent that jumps from one block to the next is a fade over 64 samples."""
    block = 512
    low = torch.cat([phasor(block) + 0.2, torch.zeros(1, nn.axes, block)], 1)
    jumped = torch.cat([phasor(block) + 0.2 + block / 48_000, torch.zeros(1, nn.axes, block)], 1)
    jumped[:, 1] = float(100 * math.pi)
    with torch.inference_mode():
        y = torch.cat([nn(low), nn(jumped)], 2)[0, 0]
    slope = 2 * math.pi * 2 * hertz(66) / 48_000 + 2 / CHUNK
    assert float(y[1:].diff().abs().max()) < LEVEL * slope


def test_nn_takes_several_batches(nn: torch.jit.ScriptModule) -> None:
    x = torch.cat([phasor(256), torch.zeros(1, nn.axes, 256)], 1).repeat(3, 1, 1)
    with torch.inference_mode():
        y = nn(x)
    assert y.shape == (3, 1, 256)
    assert torch.equal(y[0], y[2])


def test_one_row_after_another_is_all_rows_at_once(exported: Path) -> None:
    """In the ONNX plugin a voice sounds the same whoever else sounds."""
    plugin = OnnxPlugin(exported / "pipes.onnx")
    plugin.prepare(3)
    controls = {c.name: np.tile(c.default_array, (3, 1)) for c in plugin.manifest.controls}
    controls["gate"][:] = 1
    controls["speed"][:, 0] = (1.0, -1.0, 2.5)
    rows = np.arange(3)
    together = [plugin.process(rows, controls, None) for _ in range(10)]
    plugin.reset(rows)
    for row in range(3):
        own = {name: value[row : row + 1] for name, value in controls.items()}
        for made in together:
            alone = plugin.process(np.array([row]), own, None)
            assert np.abs(alone[0] - made[row]).max() < 1e-5


def ask(port: int, address: str, *values: float) -> OscMessage:
    """The answer to a message."""
    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.settimeout(10)
        own.connect(("127.0.0.1", port))
        own.send(builder.build().dgram)
        return OscMessage(own.recv(65_536))
