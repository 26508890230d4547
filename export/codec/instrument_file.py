"""A trained codec becomes instrument files: an effect, a sampler, and a module for nn~."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, cast

from export.codec.sound_bank import build_bank, encode_files, loops_of
from export.codec.torchscript import export_torchscript
from export.manifest import describe
from export.onnx.instrument_graph import export_onnx
from synth.contract import ConfigError, Manifest, find_audio
from synth.models.codec import Codec
from synth.models.codec.effect import CodecEffect
from synth.models.codec.sampler import CodecSampler
from synth.models.package import Package

MAX_BANK_BYTES = 512 << 20
BYTES_PER_VALUE = 2  # a bank is kept in half precision


def effect_onnx(
    package: Package, name: str, options: Mapping[str, Any], on_notice: Callable[[str], None]
) -> tuple[bytes, Manifest]:
    """The ONNX file of a codec that changes audio, and the manifest in it.

    Args:
        package: of the family codec; it is not changed.
        name: of the instrument.
        options: none; on_notice: nothing is said.

    Raises:
        ModelFileError: the file plays something else.
    """
    effect = CodecEffect(_copy(package), package.latent)
    return export_onnx(effect, describe(effect, name, package.family, package.provenance))


def effect_torchscript(
    package: Package, name: str, options: Mapping[str, Any], on_notice: Callable[[str], None]
) -> tuple[bytes, Manifest]:
    """The same as TorchScript, for nn~.

    Args:
        package, name, options, on_notice: as for `effect_onnx`.

    Raises:
        ModelFileError: the file plays something else.
    """
    return export_torchscript(package, name)


def sampler_onnx(
    package: Package, name: str, options: Mapping[str, Any], on_notice: Callable[[str], None]
) -> tuple[bytes, Manifest]:
    """The ONNX file of a codec that plays recordings, and the manifest in it.

    Args:
        package: of the family codec; it is not changed.
        name: of the instrument.
        options: `sounds`, recordings (file or folder); `max_seconds` of each.
        on_notice: called with a sentence for each recording that is left out.

    Raises:
        DataError: the recordings can't be used.
        ConfigError: they are none, or too many.
        ModelFileError: the file plays something else.
    """
    codec = cast(Codec, package.model)
    files = find_audio(options["sounds"])
    entries = encode_files(codec, files, options["max_seconds"], on_notice)
    bank = build_bank(entries, codec.hop / codec.config.sample_rate)
    size = BYTES_PER_VALUE * bank.latents.numel()
    if size > MAX_BANK_BYTES:
        raise ConfigError(
            f"the bank would take {size >> 20} MB of at most {MAX_BANK_BYTES >> 20}; lower"
            " --max-seconds or give fewer --sounds"
        )
    sampler = CodecSampler(_copy(package), package.latent, bank)
    unclear = sum(not entry.measured for entry in entries)
    told = {**package.provenance, "sounds": loops_of(bank), "recordings_of_unclear_pitch": unclear}
    return export_onnx(sampler, describe(sampler, name, package.family, told))


def _copy(package: Package) -> Codec:
    """The codec, for an instrument that folds its weights."""
    return copy.deepcopy(cast(Codec, package.model))
