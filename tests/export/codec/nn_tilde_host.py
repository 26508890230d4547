"""An emulation of nn~'s host calls, and small packages to export for it."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from export.codec.torchscript import export_torchscript
from export.torchscript.archive import load
from synth.contract import Manifest
from synth.models.codec import Codec, CodecConfig
from synth.models.package import Package

DIM = 6
EVEN = CodecConfig(
    channels=4, strides=(2, 4), dilations=(2,), kernel=3, latent_dim=DIM, codebook_size=8
)  # hop 8
ODD = CodecConfig(
    sample_rate=16_000,
    audio_channels=2,
    channels=3,
    strides=(2, 3),
    dilations=(1,),
    kernel=3,
    latent_dim=DIM,
    activation="snake",
    levels=3,
    codebook_size=8,
)  # hop 6: ratio 2, each frame held for 3 values
GAIN_OF_THE_LAST_LAYER = "decoder.layers.8.conv.parametrizations.weight.original0"
CONFIGS = {"even": EVEN, "odd": ODD}


def package(config: CodecConfig, *, axes: bool = True) -> Package:
    torch.manual_seed(0)
    codec = Codec(config).train()
    for _ in range(5):  # the codes move to where the latents are
        codec(0.3 * torch.randn(4, config.audio_channels, 40 * config.hop))
    rows, _ = torch.linalg.qr(torch.randn(DIM, DIM))
    spread = torch.linspace(2, 0.5, DIM)
    latent = {"mean": 0.1 * torch.randn(DIM), "axes": rows, "low": -spread, "high": spread}
    return Package("codec", config, codec.eval(), latent if axes else {}, {"licence": "CC0"})


def write_script(made: Package, path: Path, latent_size: int | None = None) -> Manifest:
    """Export `made` to `path`; returns the manifest in the file."""
    data, manifest = export_torchscript(made, path.stem, latent_size)
    path.write_bytes(data)
    return manifest


@functools.cache
def opened(path: Path) -> Any:
    """A file compiles itself while it first plays; that once is enough for most tests."""
    return load(path)


START = {"levels": "0", "scale": "1", "gain_db": "0", "mix": "1", "reset": "1"}
START |= {f"axis_{i}": "0" for i in range(1, DIM + 1)}


class Host:
    """What nn~ does with a file, call by call (its `Backend` and the object around it)."""

    def __init__(
        self, path: Path, method: str = "forward", *, buffer: int = 0, fresh: bool = False
    ) -> None:
        self.module = load(path) if fresh else opened(path)
        for name, value in START.items():
            assert not hasattr(self.module, name) or self.set(name, value) == 0
        self.method = method
        try:
            self.methods = [str(m) for m in self.module.get_methods()]
        except AttributeError:
            self.methods = self.scanned_methods()
        self.params = self.params_of(method)
        ratio = max(max(p[1], p[3]) for p in map(self.params_of, self.methods))
        self.block = 1 << math.ceil(math.log2(max(ratio, buffer, 1)))

    def scanned_methods(self) -> list[str]:
        names = self.module._c._method_names()
        return [n for n in names if hasattr(self.module, f"{n}_params")]

    def params_of(self, method: str) -> list[int]:
        return [int(v) for v in getattr(self.module, f"{method}_params")[:4]]

    def perform(self, signals: Tensor) -> Tensor:
        """One block `[batches, inlets, block]` to `[batches, outlets, block]`."""
        channels_in, ratio_in, channels_out, ratio_out = self.params
        batches, _, n = signals.shape
        assert n == self.block
        x = signals.reshape(batches, channels_in, n // ratio_in, ratio_in)[..., -1]
        with torch.inference_mode():
            y = getattr(self.module, self.method)(x)
        assert isinstance(y, Tensor)
        assert y.dtype == torch.float32
        assert y.shape == (batches, channels_out, n // ratio_out)
        return y.repeat_interleave(ratio_out, dim=2)

    def play(self, signals: Tensor) -> Tensor:
        return torch.cat([self.perform(x) for x in signals.split(self.block, 2)], 2)

    def attributes(self) -> list[str]:
        return [a for a in self.module.get_attributes() if a != "none"]

    def set(self, name: str, *values: str) -> int:
        """As a message `set name values...`; nn~ turns each word into the declared type."""
        types = [int(t) for t in getattr(self.module, f"{name}_params")]
        assert len(types) == len(values)
        convert = {0: lambda w: w not in ("0", "false"), 1: int, 2: float}
        given = [convert[t](v) for t, v in zip(types, values, strict=True)]
        return int(getattr(self.module, f"set_{name}")(*given))

    def get(self, name: str) -> Any:
        value = getattr(self.module, f"get_{name}")()
        assert isinstance(value, tuple | list)
        assert len(value) == len(getattr(self.module, f"{name}_params"))
        return value[0]


def noise(config: CodecConfig, batches: int, samples: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.3 * torch.randn(batches, config.audio_channels, samples, generator=generator)


def offline(made: Package, audio: Tensor, latency: int, levels: int | None = None) -> Tensor:
    """The codec on the whole clip, as late as the file is."""
    codec: Any = made.model
    with torch.no_grad():
        latent = codec.encode(audio)
        if levels:
            latent = codec.bottleneck(latent, levels).latent
        return torch.nn.functional.pad(codec.decode(latent), (latency, 0))[..., : audio.shape[2]]


def close(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b, atol=1e-5 * max(1.0, float(b.abs().max())), rtol=1e-4)
