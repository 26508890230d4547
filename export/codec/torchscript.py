"""From a codec to a `.ts` file for nn~ in Max and Pure Data, and the proof that it plays the same.

The file has the methods `encode`, `decode` and `forward`, attributes with setters, and the extra
file `synth.manifest`. `export.codec.nn_tilde` is the module in it; docs/torchscript.md says how to
use it.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from export.codec.nn_tilde import nn_controls, script_nn_tilde
from export.manifest import versions
from export.parity import require_parity
from export.threads import one_thread
from export.torchscript.archive import archive, load
from synth.contract import Manifest, require_within
from synth.models.codec import Codec
from synth.models.latent_axes import LatentAxes
from synth.models.package import Package


def export_torchscript(
    package: Package, name: str, latent_size: int | None = None
) -> tuple[bytes, Manifest]:
    """Script a codec, compare the re-loaded file with it, and embed the manifest.

    Args:
        package: of the family codec; it is not changed.
        name: of the instrument.
        latent_size: axes that leave `encode` and enter `decode`, 1 … latent_dim; None: all. With
            fewer, `decode` takes the others at their mean.

    Returns:
        the bytes of the `.ts` file and the manifest in it; `provenance["parity"]` is the largest
        difference between the re-loaded file, played in blocks of several sizes, and the model on
        the whole clip (see `parity`).

    Raises:
        ModelFileError: the file plays something else (parity above 1e-4).
        ConfigError: latent_size is out of range.
    """
    codec = cast(Codec, package.model)
    dim = codec.config.latent_dim
    size = dim if latent_size is None else latent_size
    require_within("latent_size", size, 1, dim)
    axes = LatentAxes.of_statistics(package.latent, dim)
    manifest = _describe(codec, axes, name, package)
    scripted = script_nn_tilde(codec, axes, size)
    difference = parity(codec, axes, archive(scripted, manifest))
    require_parity(difference, "TorchScript file")
    manifest = replace(manifest, provenance={**manifest.provenance, "parity": difference})
    return archive(scripted, manifest), manifest


def parity(codec: Codec, axes: LatentAxes, data: bytes, hops: int = 20, seed: int = 0) -> float:
    """Largest difference between the file, played in blocks, and the codec on the whole clip.

    Args:
        codec: the model.
        axes: coordinates of the file's latents.
        data: content of the file.
        hops: length of the clip, a multiple of 20.
        seed: of the noise that is played.

    Returns:
        the difference as a share of full scale or, where the codec is louder than that, of its
        peak; infinite where a sample is not a number.
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


def _describe(codec: Codec, axes: LatentAxes, name: str, package: Package) -> Manifest:
    config = codec.config
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
        provenance={**package.provenance, "versions": versions(torch)},
    )
