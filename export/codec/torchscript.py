"""From a codec to a `.ts` file for nn~ in Max and Pure Data, and the proof that it plays the same.

Methods `encode`, `decode`, `forward`; attributes with setters; extra file `synth.manifest`. See
`export.codec.nn_tilde` for what the module does and docs/torchscript.md for how to use it.
"""

from __future__ import annotations

import io
import math
import platform
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from export.codec.nn_tilde import Axes, nn_controls, script_nn_tilde
from export.onnx.instrument_graph import PARITY_LIMIT
from synth import __version__
from synth.contract import METADATA_KEY, ConfigError, Manifest, ModelFileError, write_bytes
from synth.models.codec import Codec
from synth.models.package import Package


def export_torchscript(
    package: Package, path: str | Path, *, name: str | None = None, latent_size: int | None = None
) -> Manifest:
    """Write `path` and return the manifest in it.

    Args:
        package: a trained codec; it is not changed.
        path: of the file, usually with suffix `.ts`.
        name: of the instrument, by default the stem of `path`.
        latent_size: axes that leave `encode` and enter `decode`, 1 … latent_dim; None: all. With
            fewer, `decode` takes the others at their mean.

    Returns:
        The manifest; `provenance["parity"]` is the largest difference between the re-loaded file,
        played in blocks of several sizes, and the model on the whole clip (see `parity`).

    Raises:
        ModelFileError: the package is no codec, or the file plays something else (above 1e-4).
        ConfigError: latent_size out of range.
        DataError: the file can't be written.
    """
    codec = package.model
    if not isinstance(codec, Codec):
        raise ModelFileError(f"family {package.family} has no TorchScript export; use onnx")
    dim = codec.config.latent_dim
    size = dim if latent_size is None else latent_size
    if not 1 <= size <= dim:
        raise ConfigError(f"latent_size is {size}; 1 … {dim} is allowed")
    axes = Axes(package.latent, dim)
    manifest = _describe(codec, axes, name or Path(path).stem, package)
    scripted = script_nn_tilde(codec, package.latent, size)
    difference = parity(codec, axes, archive(scripted, manifest))
    if not difference <= PARITY_LIMIT:
        raise ModelFileError(
            f"the TorchScript file differs from the model by {difference:.2g} (at most"
            f" {PARITY_LIMIT:g} is allowed); nothing was written"
        )
    manifest = replace(manifest, provenance={**manifest.provenance, "parity": difference})
    write_bytes(Path(path), archive(scripted, manifest))
    return manifest


def parity(codec: Codec, axes: Axes, data: bytes, hops: int = 20, seed: int = 0) -> float:
    """Largest difference between the file, played in blocks, and the codec on the whole clip.

    As a share of full scale or, where the codec is louder than that, of its peak.
    """
    config = codec.config
    generator = torch.Generator().manual_seed(seed)
    audio = 0.2 * torch.randn(2, config.audio_channels, hops * config.hop, generator=generator)
    module = load(io.BytesIO(data))
    kept, ratio, repeats = module.latent_size, module.ratio, module.repeats
    late, differences = config.hop - ratio, list[float]()
    with torch.inference_mode(), one_thread():
        latent = codec.encode(audio)
        along = axes.rows @ (latent - axes.mean[:, None])
        cut = torch.cat([along[:, :kept], torch.zeros_like(along[:, kept:])], 1)
        through = codec.decode(axes.rows.t() @ cut + axes.mean[:, None])[..., : -late or None]
        straight = codec.decode(latent)[..., : -late or None]
        for block in (1, 2, 5, 20):
            module.set_reset(True)
            size = block * config.hop
            held = _in_blocks(module.encode, audio, size)
            decoded = _in_blocks(module.decode, held, size // ratio)
            differences += [
                _difference(held[:, :, repeats - 1 :: repeats], along[:, :kept]),
                _difference(decoded[..., late:], through),
                _difference(_in_blocks(module, audio, size)[..., late:], straight),
            ]
    return max(differences)


def _difference(got: Tensor, wanted: Tensor) -> float:
    worst = float((got - wanted).abs().max() / wanted.abs().max().clamp(min=1))
    return worst if math.isfinite(worst) else math.inf


def _in_blocks(method: Callable[[Tensor], Tensor], x: Tensor, size: int) -> Tensor:
    return torch.cat([method(part) for part in torch.split(x, size, 2)], 2)


@contextmanager
def one_thread() -> Iterator[None]:
    """Blocks this small are slower on several threads, and far slower on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def load(file: str | Path | io.BytesIO) -> Any:
    """Open an archive that this module has just made: loading runs what is in it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`?torch.jit", DeprecationWarning)
        return torch.jit.load(file, map_location="cpu").eval()  # type: ignore[no-untyped-call]


def _describe(codec: Codec, axes: Axes, name: str, package: Package) -> Manifest:
    config = codec.config
    versions = {
        "synth": __version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }
    return Manifest(
        name=name,
        family=package.family,
        kind="effect",
        sample_rate=config.sample_rate,
        hop=config.hop,
        channels_in=config.audio_channels,
        channels_out=config.audio_channels,
        latency=config.hop - (config.hop & -config.hop),
        controls=nn_controls(config, axes),
        provenance={**package.provenance, "versions": versions},
    )


def archive(scripted: Any, manifest: Manifest) -> bytes:
    """The file of a scripted module with its manifest."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`?torch.jit", DeprecationWarning)
        torch.jit.save(scripted, buffer, _extra_files={METADATA_KEY: manifest.to_json()})
    return _without_paths(buffer.getvalue())


def _without_paths(data: bytes) -> bytes:
    """The archive without its debug tables, which name source files on the exporting machine."""
    source, target = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    with zipfile.ZipFile(target, "w") as kept:
        for entry in source.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                bare = zipfile.ZipInfo(entry.filename)
                bare.compress_type = entry.compress_type
                kept.writestr(bare, source.read(entry))
    return target.getvalue()
