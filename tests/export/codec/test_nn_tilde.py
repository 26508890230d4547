"""The `.ts` file, driven as nn~ drives it: blocks of a power of two, one tensor, no state."""

from __future__ import annotations

import copy
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from nn_tilde_host import (
    CONFIGS,
    DIM,
    EVEN,
    GAIN_OF_THE_LAST_LAYER,
    ODD,
    Host,
    close,
    noise,
    offline,
    opened,
    package,
    write_script,
)

from export.codec.torchscript import parity
from synth.contract import METADATA_KEY, ConfigError, Manifest, ModelFileError
from synth.models.latent_axes import LatentAxes


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of every config: a package, its file, the manifest and the package as it was before."""
    folder, made = tmp_path_factory.mktemp("ts"), {}
    for name, config in CONFIGS.items():
        before = package(config)
        after = copy.deepcopy(before)
        manifest = write_script(after, folder / f"{name}.ts")
        made[name] = (after, folder / f"{name}.ts", manifest, before)
    return made


@pytest.fixture(params=CONFIGS)
def exported(request: pytest.FixtureRequest, files: dict[str, Any]) -> Any:
    """A package, its file and its manifest."""
    return files[request.param][:3]


@pytest.mark.parametrize("buffer", [0, 16, 64])
@pytest.mark.parametrize("batches", [1, 4])
def test_forward_is_the_codec(exported: Any, buffer: int, batches: int) -> None:
    made, path, manifest = exported
    host = Host(path, buffer=buffer)
    audio = noise(made.config, batches, 256)
    expected = offline(made, audio, manifest.latency)
    close(host.play(audio), expected)
    assert float(expected.abs().max()) > 1e-3


@pytest.mark.parametrize(("buffer", "batches"), [(0, 1), (64, 3)])
def test_encode_through_cables_into_decode_is_forward(
    exported: Any, buffer: int, batches: int
) -> None:
    made, path, _ = exported
    audio = noise(made.config, batches, 256)
    cables = Host(path, "encode", buffer=buffer).play(audio)
    assert cables.shape == (batches, DIM, 256)
    through = Host(path, "decode", buffer=buffer).play(cables)
    close(through, Host(path, buffer=buffer).play(audio))


def test_a_file_starts_from_silence(exported: Any) -> None:
    """What the module heard while it was made and proved is not in the file."""
    made, path, manifest = exported
    audio = noise(made.config, 1, 128)
    close(Host(path, fresh=True).play(audio), offline(made, audio, manifest.latency))
    assert torch.equal(Host(path, fresh=True).play(audio), Host(path).play(audio))


def test_methods_of_one_object_do_not_disturb_each_other(exported: Any) -> None:
    made, path, _ = exported
    audio, other = noise(made.config, 1, 128), noise(made.config, 1, 128, seed=1)
    alone = Host(path).play(audio)
    host, rest = Host(path), []
    for x, o in zip(audio.split(host.block, 2), other.split(host.block, 2), strict=True):
        with torch.inference_mode():
            host.module.decode(host.module.encode(o))
        rest.append(host.perform(x))
    assert torch.equal(torch.cat(rest, 2), alone)


@pytest.mark.parametrize("skipped", [1, 2, 3, 4, 5, 6])
def test_decode_meets_each_frame_once_wherever_it_starts(
    skipped: int, files: dict[str, Any]
) -> None:
    """An object switched on in the middle of a held frame plays on without a gap or a repeat."""
    made, path, _, _ = files["odd"]
    codec, statistics = made.model, made.latent
    encoder, decoder = Host(path, "encode"), Host(path, "decode")
    audio = noise(ODD, 1, 240)
    played = decoder.play(encoder.play(audio)[:, :, skipped * decoder.block :])
    with torch.no_grad():
        frames = codec.encode(audio)
        nothing = statistics["axes"].t() @ torch.zeros(1, DIM, 1) + statistics["mean"][:, None]
        # The frame that was held when the object was switched on is the first that it hears.
        first = -(-(skipped - 2) // 3)
        heard = torch.cat([nothing, frames], 2)[:, :, first + 1 :]
        expected = torch.nn.functional.pad(codec.decode(heard), (4, 0))
    close(played, expected[..., : played.shape[2]])


def test_discovery_with_and_without_get_methods(exported: Any) -> None:
    made, path, _ = exported
    host, hop, channels = Host(path), made.config.hop, made.config.audio_channels
    ratio = hop & -hop
    assert host.methods == ["encode", "decode", "forward"]
    assert sorted(host.scanned_methods()) == sorted(host.methods)
    assert host.params_of("encode") == [channels, 1, DIM, ratio]
    assert host.params_of("decode") == [DIM, ratio, channels, 1]
    assert host.params_of("forward") == [channels, 1, channels, 1]
    for method in host.methods:
        inlets, _, outlets, _ = host.params_of(method)
        assert len(getattr(host.module, f"{method}_input_labels")) == inlets
        assert len(getattr(host.module, f"{method}_output_labels")) == outlets
    module = host.module
    assert (module.sr, module.latent_size, module.full_latent_size) == (
        made.config.sample_rate,
        DIM,
        DIM,
    )


def test_attributes_are_found_read_and_set(exported: Any) -> None:
    _, path, manifest = exported
    host = Host(path)
    found = host.attributes()
    assert found == [*(c.name for c in manifest.controls), "reset"]
    assert [f"axis_{i + 1}" for i in range(DIM)] == [n for n in found if n.startswith("axis_")]
    scanned = [n[:-7] for n, _ in host.module.named_buffers() if n.endswith("_params")]
    assert set(found) <= set(scanned) | {"reset"}
    for control in manifest.controls:
        assert host.get(control.name) == control.default[0]
        high = str(round(control.maximum[0]) if control.curve == "integer" else 0.25)
        assert host.set(control.name, high) == 0
        assert host.get(control.name) == float(high)
    assert host.get("reset") is False


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("levels", "-1"),
        ("levels", "99"),
        ("gain_db", "nan"),
        ("gain_db", "1000"),
        ("scale", "-0.1"),
        ("mix", "1.1"),
        ("axis_1", "nan"),
        ("axis_1", "inf"),
    ],
)
def test_values_out_of_range_are_answered_with_an_error_and_change_nothing(
    exported: Any, name: str, value: str
) -> None:
    host = Host(exported[1])
    before = host.get(name)
    assert host.set(name, value) != 0
    assert host.get(name) == before


@pytest.mark.parametrize("levels", [1, 3])
def test_levels_quantise(exported: Any, levels: int) -> None:
    made, path, manifest = exported
    audio = noise(made.config, 2, 128)
    cables, plain = Host(path, "encode").play(audio), Host(path).play(audio)
    heard = {}
    for method, signals in (("forward", audio), ("decode", cables)):
        host = Host(path, method)
        assert host.set("levels", str(levels)) == 0
        heard[method] = host.play(signals)
    close(heard["forward"], offline(made, audio, manifest.latency, levels))
    close(heard["decode"], heard["forward"])
    assert not torch.allclose(heard["forward"], plain, atol=1e-3)


def test_latents_are_principal_coordinates_that_offset_and_scale_move(exported: Any) -> None:
    made, path, manifest = exported
    codec, statistics = made.model, made.latent
    audio = noise(made.config, 1, 192)
    host = Host(path, "encode")
    with torch.no_grad():
        latent = codec.encode(audio)
        along = statistics["axes"] @ (latent - statistics["mean"][:, None])
        moved = 0.5 * along
        moved[:, 1] += 0.7
        z = statistics["axes"].t() @ moved + statistics["mean"][:, None]
        expected = torch.nn.functional.pad(codec.decode(z), (manifest.latency, 0))[..., :192]
    ratio, repeats = host.params[3], made.config.hop // host.params[3]
    heard = host.play(audio)[:, :, ratio - 1 :: ratio][:, :, repeats - 1 :: repeats]
    close(heard, along[:, :, : heard.shape[2]])
    player = Host(path)
    assert player.set("scale", "0.5") == 0
    assert player.set("axis_2", "0.7") == 0
    close(player.play(audio), expected)


def test_without_statistics_latents_are_the_codecs_own(tmp_path: Path) -> None:
    made = package(EVEN, axes=False)
    write_script(made, tmp_path / "raw.ts")
    audio = noise(EVEN, 1, 64)
    codec: Any = made.model
    with torch.no_grad():
        close(Host(tmp_path / "raw.ts", "encode").play(audio)[:, :, ::8], codec.encode(audio))


def test_fewer_axes_leave_the_rest_at_the_mean(tmp_path: Path) -> None:
    made = package(EVEN)
    write_script(made, tmp_path / "few.ts", latent_size=2)
    codec, statistics = made.model, made.latent
    host = Host(tmp_path / "few.ts", "encode")
    assert (host.module.latent_size, host.module.full_latent_size) == (2, DIM)
    audio = noise(EVEN, 1, 128)
    with torch.no_grad():
        along = statistics["axes"] @ (codec.encode(audio) - statistics["mean"][:, None])
        along[:, 2:] = 0
        expected = codec.decode(statistics["axes"].t() @ along + statistics["mean"][:, None])
    cables = host.play(audio)
    assert cables.shape[1] == 2
    close(Host(tmp_path / "few.ts", "decode").play(cables), expected)
    close(Host(tmp_path / "few.ts").play(audio), offline(made, audio, 0))


def test_gain_is_in_decibels_and_is_reached_without_a_click(exported: Any) -> None:
    made, path, _ = exported
    audio = noise(made.config, 1, 256)
    reference = Host(path, buffer=64).play(audio)
    host = Host(path, buffer=64)
    first = host.perform(audio[..., :64])
    assert host.set("gain_db", "-20") == 0
    rest = torch.cat([host.perform(x) for x in audio[..., 64:].split(64, 2)], 2)
    gains = torch.cat([first, rest], 2) / reference
    heard = gains[0, 0][reference[0, 0].abs() > 1e-3]
    close(heard[-50:], torch.full((50,), 0.1))
    assert float(heard.diff().max()) < 1e-3
    assert float(heard.diff().min()) > -0.06
    assert 0.2 < float(gains[0, 0, 96]) < 0.9


def test_mix_zero_is_the_input_as_late_as_the_output(exported: Any) -> None:
    made, path, manifest = exported
    audio = noise(made.config, 2, 128)
    wet, late = Host(path).play(audio), manifest.latency
    host = Host(path)
    assert host.set("mix", "0") == 0
    first = host.perform(audio[..., : host.block])
    rest = [host.perform(x) for x in audio[..., host.block :].split(host.block, 2)]
    dry = torch.nn.functional.pad(audio, (late, 0))[..., :128]
    close(torch.cat([first, *rest], 2)[..., host.block :], dry[..., host.block :])
    between = first[0, 0, -2]
    low, high = sorted((float(wet[0, 0, host.block - 2]), float(dry[0, 0, host.block - 2])))
    assert low <= float(between) <= high
    half = Host(path)
    assert half.set("mix", "0.5") == 0
    close(half.play(audio)[..., half.block :], ((wet + dry) / 2)[..., half.block :])


def test_reset_forgets_all_sound(exported: Any) -> None:
    made, path, _ = exported
    audio = noise(made.config, 2, 128)
    for method in ("encode", "forward"):
        host = Host(path, method, fresh=True)
        fresh = host.play(audio)
        after = host.play(audio)
        assert host.set("reset", "true") == 0
        assert torch.equal(host.play(audio), fresh)
        assert not torch.equal(after, fresh)
        assert host.set("reset", "false") == 0
        assert torch.equal(host.play(audio), after)


def test_a_new_number_of_batches_begins_from_silence(exported: Any) -> None:
    made, path, _ = exported
    host, audio = Host(path), noise(made.config, 64, 64)
    one = host.play(audio[:1])
    many = host.play(audio)
    close(many[:1], one)
    close(host.play(audio[:1]), one)


def test_batches_are_independent(exported: Any) -> None:
    made, path, _ = exported
    audio = noise(made.config, 3, 64)
    together = Host(path).play(audio)
    alone = [Host(path).play(audio[row : row + 1]) for row in range(3)]
    close(together, torch.cat(alone))


def test_the_file_says_what_it_is(exported: Any) -> None:
    made, path, manifest = exported
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        text = archive.read(next(n for n in names if n.endswith(f"extra/{METADATA_KEY}"))).decode()
        content = b"".join(archive.read(n) for n in names)
    assert Manifest.from_json(text) == Manifest.from_json(manifest.to_json())
    assert manifest.kind == "effect"
    assert manifest.sample_rate == made.config.sample_rate
    assert manifest.latency == {8: 0, 6: 4}[made.config.hop]
    assert 0 <= manifest.provenance["parity"] <= 1e-5
    assert manifest.provenance["licence"] == "CC0"
    assert str(Path(__file__).parents[2]).encode() not in content


def test_the_file_needs_nothing_of_this_project(exported: Any) -> None:
    made, path, _ = exported
    program = (
        "import sys, warnings; warnings.simplefilter('ignore')\n"
        "for name in ('synth', 'export', 'training', 'realtime'): sys.modules[name] = None\n"
        "import torch\n"
        f"m = torch.jit.load({str(path)!r})\n"
        f"print(tuple(m(torch.zeros(1, {made.config.audio_channels}, 32)).shape))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == f"(1, {made.config.audio_channels}, 32)", done.stderr


@pytest.mark.parametrize("name", CONFIGS)
def test_exporting_leaves_the_package_as_it_was(name: str, files: dict[str, Any]) -> None:
    after, path, _, before = files[name]
    assert list(after.model.state_dict()) == list(before.model.state_dict())
    for key, value in before.model.state_dict().items():
        assert torch.equal(after.model.state_dict()[key], value)
    audio = noise(before.config, 1, 64)
    assert torch.equal(after.model(audio).audio, before.model(audio).audio)
    assert not list(path.parent.glob(".*"))


def test_parity_notices_another_sound(exported: Any) -> None:
    made, path, manifest = exported
    assert manifest.provenance["parity"] < 1e-5
    other = package(made.config)
    with torch.no_grad():
        other.model.get_parameter(GAIN_OF_THE_LAST_LAYER).mul_(1.01)
    assert (
        parity(other.model, LatentAxes.of_statistics(made.latent, DIM), path.read_bytes(), hops=5)
        > 1e-4
    )


def test_a_file_that_would_play_something_else_is_not_written(tmp_path: Path) -> None:
    made = package(EVEN)
    with torch.no_grad():
        next(made.model.parameters()).fill_(float("nan"))
    with pytest.raises(ModelFileError, match="nothing was written"):
        write_script(made, tmp_path / "bad.ts")
    assert list(tmp_path.iterdir()) == []


def test_misuse_is_named(tmp_path: Path, exported: Any) -> None:
    made = package(EVEN)
    for size in (0, DIM + 1):
        with pytest.raises(ConfigError, match=f"latent_size is {size}; 1 … {DIM}"):
            write_script(made, tmp_path / "a.ts", latent_size=size)
    module = opened(exported[1])
    for method, shape in (("encode", (1, 9, 24)), ("decode", (1, 1, 24)), ("forward", (1, 24))):
        with pytest.raises(Exception, match=r"must be \[batch, channels, samples\]"):
            getattr(module, method)(torch.zeros(shape))
    with pytest.raises(Exception, match="multiple of the ratio"):
        module.encode(torch.zeros(1, exported[0].config.audio_channels, 7))
