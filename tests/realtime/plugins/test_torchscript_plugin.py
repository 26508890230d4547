"""TorchScript files in the rack: our own, and what the nn~ world makes."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from export.codec.torchscript import export_torchscript
from realtime.engine.plugin import Plugin
from realtime.plugins.torchscript.file import check_archive
from realtime.plugins.torchscript.nn_tilde import ASSUMED_RATE_HZ, TorchScriptPlugin
from synth.contract import ModelFileError
from synth.models.codec import Codec, CodecConfig
from synth.models.package import Package

CONFIG = CodecConfig(
    audio_channels=2, channels=3, strides=(2, 3), dilations=(1,), kernel=3, latent_dim=4, levels=2
)  # hop 6, latency 4


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Codec, Path]:
    torch.manual_seed(0)
    codec = Codec(CONFIG).eval()
    path = tmp_path_factory.mktemp("ts") / "Mine one.ts"
    path.write_bytes(export_torchscript(Package("codec", CONFIG, codec, {}, {}), path.stem)[0])
    return codec, path


class Filter(nn.Module):
    """What a simple foreign nn~ model looks like: state in a buffer, no reset, no manifest."""

    def __init__(self, *, broken: str = "", ratio: int = 16) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.5]), requires_grad=False)
        self.broken = broken
        self.register_buffer("forward_params", torch.tensor([1, 1, 1, 1]))
        self.register_buffer("encode_params", torch.tensor([1, 1, 1, ratio]))
        self.register_buffer("last", torch.zeros(64, 1, 1))
        self.register_buffer("drive_params", torch.tensor([2]))
        self.register_buffer("steps_params", torch.tensor([1]))
        self.register_buffer("invert_params", torch.tensor([0]))
        self.register_buffer("both_params", torch.tensor([2, 2]))
        self.register_buffer("label_params", torch.tensor([3]))
        self.drive, self.steps, self.invert, self.label = 1.0, 200, False, "x"
        self.both: tuple[float, float] = (0.0, 0.0)

    def forward(self, x: Tensor) -> Tensor:
        """y[t] = drive * x[t] + weight * x[t - 1] + the sum of `both`."""
        if self.broken == "raises" and bool((x > 0.5).any()):
            raise ValueError("too loud for me")
        if self.broken == "short":
            x = x[:, :, 1:]
        before = torch.cat([self.last[: x.size(0)], x[:, :, :-1]], 2)
        self.last[: x.size(0)] = x[:, :, -1:]
        y = self.drive * x + self.weight * before + self.both[0] + self.both[1]
        return -y if self.invert else y

    @torch.jit.export
    def encode(self, x: Tensor) -> Tensor:
        return x[:, :, ::16]

    @torch.jit.export
    def get_drive(self) -> list[float]:
        return [self.drive]

    @torch.jit.export
    def set_drive(self, value: float) -> int:
        if value > 5.0:
            return -1
        self.drive = value
        return 0

    @torch.jit.export
    def get_steps(self) -> list[int]:
        return [self.steps]

    @torch.jit.export
    def set_steps(self, value: int) -> int:
        self.steps = value
        return 0

    @torch.jit.export
    def get_invert(self) -> list[bool]:
        return [self.invert]

    @torch.jit.export
    def set_invert(self, value: bool) -> int:
        self.invert = value
        return 0

    @torch.jit.export
    def get_both(self) -> tuple[float, float]:
        return self.both

    @torch.jit.export
    def set_both(self, a: float, b: float) -> int:
        self.both = (a, b)
        return 0

    @torch.jit.export
    def get_label(self) -> list[str]:
        return [self.label]

    @torch.jit.export
    def set_label(self, value: str) -> int:
        self.label = value
        return 0


def save(module: nn.Module, path: Path, **attributes: Any) -> Path:
    for name, value in attributes.items():
        setattr(module, name, value)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        torch.jit.save(torch.jit.script(module.eval()), str(path))
    return path


def defaults(plugin: Plugin, rows: int = 1) -> dict[str, Any]:
    return {c.name: np.tile(c.default_array, (rows, 1)) for c in plugin.manifest.controls}


def noise(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(0, 0.3, shape).astype(np.float32)


def play(plugin: Plugin, audio: Any, row: int = 0, **controls: Any) -> Any:
    """`[channels, samples]` through one row, hop by hop."""
    hop, given = plugin.manifest.hop, {**defaults(plugin), **controls}
    blocks = [audio[None, :, t : t + hop] for t in range(0, audio.shape[1], hop)]
    return np.concatenate([plugin.process(np.array([row]), given, b)[0] for b in blocks], 1)


def filtered(audio: Any, drive: float = 1.0) -> Any:
    return drive * audio + 0.5 * np.pad(audio, ((0, 0), (1, 0)))[:, :-1]


def test_our_own_file_plays_what_the_codec_makes(exported: tuple[Codec, Path]) -> None:
    codec, path = exported
    plugin: Plugin = TorchScriptPlugin(path, trust=True)
    manifest = plugin.manifest
    assert (manifest.hop, manifest.latency, manifest.sample_rate) == (6, 4, 24_000)
    assert (plugin.name, manifest.family) == ("mine_one", "codec")
    plugin.prepare(1)
    audio = noise(2, 120)
    with torch.no_grad():
        whole = codec.decode(codec.encode(torch.from_numpy(audio)[None]))[0].numpy()
        coarse = codec(torch.from_numpy(audio)[None], 1).audio[0].numpy()
    np.testing.assert_allclose(play(plugin, audio)[:, 4:], whole[:, :-4], atol=1e-5)
    plugin.reset(np.array([0]))
    levels = {"levels": np.array([[1.0]], np.float32)}
    np.testing.assert_allclose(play(plugin, audio, **levels)[:, 4:], coarse[:, :-4], atol=1e-5)
    assert np.abs(whole - coarse).max() > 1e-3
    assert np.abs(whole).max() > 1e-3
    assert torch.get_num_threads() == 1
    plugin.close()
    plugin.close()


def test_rows_are_independent_in_sound_state_and_controls(exported: tuple[Codec, Path]) -> None:
    plugin = TorchScriptPlugin(exported[1], name="other", trust=True)
    assert plugin.name == "other"
    plugin.prepare(2)
    a, b = noise(2, 60), noise(2, 60, seed=1)
    quiet = {"gain_db": np.array([[-20.0]], np.float32)}
    alone = play(plugin, a), play(plugin, b, row=1, **quiet)
    plugin.prepare(2)
    given = defaults(plugin, 2)
    given["gain_db"][1] = -20.0
    both = [
        plugin.process(np.arange(2), given, np.stack([a, b])[:, :, t : t + 6])
        for t in range(0, 60, 6)
    ]
    np.testing.assert_allclose(np.concatenate(both, 2)[0], alone[0], atol=1e-6)
    np.testing.assert_allclose(np.concatenate(both, 2)[1, :, 6:], alone[1][:, 6:], atol=1e-6)
    swapped = plugin.process(np.array([1, 0]), given, np.stack([b, a])[:, :, :6])
    assert swapped.shape == (2, 2, 6)


def test_reset_brings_one_row_back_and_leaves_the_other(exported: tuple[Codec, Path]) -> None:
    plugin = TorchScriptPlugin(exported[1], trust=True)
    plugin.prepare(2)
    audio = noise(2, 60)
    first = play(plugin, audio), play(plugin, audio, row=1)
    plugin.reset(np.array([0]))
    np.testing.assert_array_equal(play(plugin, audio), first[0])
    assert np.abs(play(plugin, audio, row=1) - first[1]).max() > 1e-4


def test_a_foreign_file_is_described_by_what_is_found_in_it(tmp_path: Path) -> None:
    path = save(Filter(), tmp_path / "Foreign.ts", sampling_rate=44_100)
    plugin = TorchScriptPlugin(path, trust=True)
    manifest = plugin.manifest
    assert (manifest.name, manifest.family, manifest.kind) == ("Foreign", "nn~", "effect")
    assert (manifest.hop, manifest.sample_rate) == (16, 44_100)
    assert (manifest.channels_in, manifest.channels_out) == (1, 1)
    found = {c.name: (c.size, c.curve, c.default) for c in manifest.controls}
    assert found == {
        "drive": (1, "linear", (1.0,)),
        "steps": (1, "integer", (200.0,)),
        "invert": (1, "toggle", (0.0,)),
        "both": (2, "linear", (0.0, 0.0)),
    }


def test_a_foreign_file_plays_and_its_settings_move_it(tmp_path: Path) -> None:
    plugin = TorchScriptPlugin(save(Filter(), tmp_path / "f.ts"), trust=True)
    plugin.prepare(2)
    audio = noise(1, 64)
    np.testing.assert_allclose(play(plugin, audio), filtered(audio), atol=1e-6)
    # Its state is a buffer and it has no reset: the row comes back to what it was when loaded.
    plugin.reset(np.array([0]))
    drive = {"drive": np.array([[3.0]], np.float32)}
    np.testing.assert_allclose(play(plugin, audio, **drive), filtered(audio, 3.0), atol=1e-6)
    plugin.reset(np.array([0]))
    moved = {
        "invert": np.array([[1.0]], np.float32),
        "both": np.array([[0.25, 0.5]], np.float32),
    }
    np.testing.assert_allclose(play(plugin, audio, **moved), -(filtered(audio) + 0.75), atol=1e-6)
    np.testing.assert_allclose(play(plugin, audio, row=1), filtered(audio), atol=1e-6)
    assert plugin.refused == 0
    plugin.prepare(3)  # everything is as it was when loaded, the settings too
    for row in range(3):
        np.testing.assert_allclose(play(plugin, audio, row=row), filtered(audio), atol=1e-6)
    play(plugin, audio[:, :16], drive=np.array([[9.0]], np.float32))
    assert plugin.refused == 1


class Rave(nn.Module):
    """The places where RAVE exports of different age keep their rate."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("sampling_rate", torch.tensor(32_000))


@pytest.mark.parametrize(
    ("name", "attributes", "rate", "source"),
    [
        ("a", {"sr": 22_050, "sampling_rate": 44_100}, 22_050, "sr"),
        ("a", {"sampling_rate": torch.tensor([44_100])}, 44_100, "sampling_rate"),
        ("a", {"_rave": Rave()}, 32_000, "_rave.sampling_rate"),
        ("a", {"sr": -1}, ASSUMED_RATE_HZ, "assumed"),
        ("organ_b512_r44100_x", {}, 44_100, "file name"),
    ],
)
def test_the_sample_rate_is_found_where_models_keep_it(
    name: str, attributes: dict[str, Any], rate: int, source: str, tmp_path: Path
) -> None:
    path = save(Filter(), tmp_path / f"{name}.ts", **attributes)
    manifest = TorchScriptPlugin(path, trust=True).manifest
    assert (manifest.sample_rate, manifest.provenance["sample_rate"]) == (rate, source)


@pytest.mark.parametrize(
    ("broken", "message"), [("raises", "too loud for me"), ("short", r"\(1, 1, 15\).*needed")]
)
def test_a_model_that_fails_says_so_in_one_line(broken: str, message: str, tmp_path: Path) -> None:
    plugin = TorchScriptPlugin(save(Filter(broken=broken), tmp_path / "bad.ts"), trust=True)
    loud = np.ones((1, 16), np.float32)
    if broken == "raises":  # only when it hears something
        plugin.prepare(1)
    with pytest.raises(ModelFileError, match=message) as caught:
        play(plugin, loud) if broken == "raises" else plugin.prepare(1)
    assert "\n" not in str(caught.value)
    assert "bad.ts" in str(caught.value)


def test_without_trust_nothing_is_loaded(exported: tuple[Codec, Path]) -> None:
    """In a process of its own: the refusal comes before torch is even imported."""
    program = (
        "import sys\n"
        "from realtime.plugins.torchscript.nn_tilde import TorchScriptPlugin\n"
        "from synth.contract import ModelFileError\n"
        f"try: TorchScriptPlugin({str(exported[1])!r})\n"
        "except ModelFileError as error: print(error)\n"
        "print('torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    refusal, loaded = done.stdout.strip().splitlines()
    assert "--trust" in refusal
    assert loaded == "False"


def archive(*entries: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in entries:
            target.writestr(name, data)
    return buffer.getvalue()


CODE = ("m/code/__torch__.py", b"x")
FOREIGN = {
    "empty": (b"", "not a TorchScript archive"),
    "text": (b"hello" * 100, "not a TorchScript archive"),
    "no program": (archive(("m/data.pkl", b"x")), "no TorchScript program"),
    "bomb": (archive(CODE, ("m/data/0", bytes(1 << 24))), "at most 100:1"),
    "many": (archive(CODE, *((f"m/{i}", b"") for i in range(10_001))), "10002 entries"),
    "manifest": (archive(CODE, ("m/extra/synth.manifest", b"{")), "manifest is not JSON"),
    "binary manifest": (archive(CODE, ("m/extra/synth.manifest", b"\xff\xfe")), "not a TorchScr"),
    "hollow": (archive(CODE), "doesn't load"),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_foreign_files_are_refused_in_one_line(case: str, tmp_path: Path) -> None:
    data, message = FOREIGN[case]
    path = tmp_path / "x.ts"
    path.write_bytes(data)
    with pytest.raises(ModelFileError, match=message) as caught:
        TorchScriptPlugin(path, trust=True)
    assert "x.ts" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_and_truncated_files_are_refused(
    tmp_path: Path, exported: tuple[Codec, Path]
) -> None:
    with pytest.raises(ModelFileError, match="no such file"):
        TorchScriptPlugin(tmp_path / "none.ts", trust=True)
    whole = exported[1].read_bytes()
    for size in (100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "half.ts").write_bytes(whole[:size])
        with pytest.raises(ModelFileError, match=r"half\.ts"):
            TorchScriptPlugin(tmp_path / "half.ts", trust=True)


def test_a_program_without_forward_params_is_no_effect(tmp_path: Path) -> None:
    path = save(nn.Identity(), tmp_path / "plain.ts")
    with pytest.raises(ModelFileError, match="no nn~ effect"):
        TorchScriptPlugin(path, trust=True)


def test_the_manifest_can_be_read_without_running_the_file(exported: tuple[Codec, Path]) -> None:
    manifest = check_archive(exported[1])
    assert manifest is not None
    assert manifest.name == "Mine one"
