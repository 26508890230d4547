"""An autoencoder plays recordings that it has not learned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from export.checkpoint import load_package
from export.export_model import export_model
from export.inr.unheard_sounds import encoded_sounds
from realtime.plugins.onnx.file import read_instrument
from synth.contract import ConfigError, DataError
from synth.models.inr import INR, INRConfig
from synth.models.package import pack

RATE, LENGTH = 16_000, 4_096


def write_model(folder: Path, method: str = "autoencoder") -> Path:
    torch.manual_seed(0)
    model = INR(
        INRConfig(
            meta_architecture=method, audio_length=LENGTH, num_latent=4, width=8, depth=2,
            first_omega_0=60, hidden_omega_0=20, sounds=1, names=("learned",), keys=(60.0,),
        )
    )  # fmt: skip
    folder.mkdir()
    torch.save(pack("inr", model, model.config, {}, {}), folder / "model.pt")
    return folder / "model.pt"


def tone(hz: float, samples: int, rate: int = RATE) -> np.ndarray:
    return (0.4 * np.sin(2 * np.pi * hz * np.arange(samples) / rate)).astype(np.float32)


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Two named, one of them longer than a sound; one without a key, at 48 kHz in stereo."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    soundfile.write(folder / "flute_60_100.wav", tone(261.63, LENGTH), RATE, subtype="FLOAT")
    soundfile.write(folder / "flute_C5.wav", tone(523.25, 2 * LENGTH), RATE, subtype="FLOAT")
    other = tone(440, 2 * LENGTH, 48_000)
    soundfile.write(folder / "pipe.wav", np.stack([other, other], 1), 48_000, subtype="FLOAT")
    return folder


def test_latents_are_those_of_the_encoder(tmp_path: Path, recordings: Path) -> None:
    package = load_package(write_model(tmp_path / "run"))
    made = encoded_sounds(package, recordings).model
    assert isinstance(made, INR)
    assert made.config.names == ("flute", "flute", "pipe")
    assert made.config.keys[:2] == (60, 72)
    assert made.config.keys[2] == pytest.approx(69, abs=0.05)
    with torch.inference_mode():
        expected = made.encode(torch.from_numpy(tone(523.25, LENGTH))[None])[0]
    assert torch.allclose(made.latents[1], expected, atol=1e-6)
    assert not torch.allclose(made.latents[0], made.latents[1], atol=1e-5)
    for name, value in package.model.state_dict().items():
        if name != "latents":
            assert torch.equal(made.state_dict()[name], value), name
    assert package.config.names == ("learned",), "what was given is not changed"


def test_an_instrument_of_them(tmp_path: Path, recordings: Path) -> None:
    model = write_model(tmp_path / "run")
    (file,) = export_model(model, sounds=recordings, name="others", out=tmp_path)
    manifest = read_instrument(file.path)[1]
    assert manifest.provenance["encoded"]["files"] == 3
    assert set(manifest.sounds) == {"flute", "pipe"}


def test_an_autodecoder_refuses(tmp_path: Path, recordings: Path) -> None:
    with pytest.raises(ConfigError, match=r"--sounds is .*--meta-architecture autoencoder"):
        export_model(write_model(tmp_path / "run", "autodecoder"), sounds=recordings)


def test_recordings_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError):
        export_model(write_model(tmp_path / "run"), sounds=tmp_path / "none")
