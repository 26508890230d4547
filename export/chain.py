"""`model.pt` -> instrument files: what `synth export` does."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from export.bank import build_bank, encode_files
from export.checkpoint import load_package
from export.graph import describe, export_onnx
from export.inr import export_inr
from export.inr_sounds import encoded_sounds
from export.samplernn import WEIGHTS, export_live, live_instrument
from export.torchscript import export_torchscript
from synth.contract import (
    ConfigError,
    DataError,
    Manifest,
    ModelFileError,
    find_audio,
    require_one_of,
    write_bytes,
)
from synth.models.codec import Codec
from synth.models.codec.effect import CodecEffect
from synth.models.codec.sampler import CodecSampler
from synth.models.inr import INR
from synth.models.instrument import Instrument
from synth.models.package import Package
from synth.models.samplernn import SampleRNN

# What a family can be exported as; the first is the usual one.
FORMS = {
    "codec": ("effect", "sampler"),
    "samplernn": ("generator",),
    "inr": ("generator",),
}
FORMATS = ("onnx", "torchscript", "all")
MAX_FILE_BYTES = 512 << 20
MAX_NAME = 64
SAMPLER_SECONDS, GENERATOR_SECONDS = 10.0, 600.0
_FILE_NAME = re.compile(r"[\w-][\w .-]*")


@dataclass(frozen=True)
class Exported:
    """One file written: its path, size in bytes and manifest."""

    path: Path
    size: int
    manifest: Manifest


def export_model(
    model: str | Path,
    *,
    form: str | None = None,
    format: str = "onnx",
    out: str | Path | None = None,
    name: str | None = None,
    sounds: str | Path | None = None,
    max_seconds: float | None = None,
    weights: str = "fp32",
    sample_rate: int | None = None,
) -> list[Exported]:
    """Export a trained model.

    Args:
        model: `model.pt` of a run.
        form: of a codec "effect" or "sampler", of the others "generator"; by default the first.
        format: "onnx", or of an effect and of an inr "torchscript" or "all".
        out: folder, by default that of the model; created if missing.
        name: of the instrument and its files (letters, digits, spaces, '.', '_', '-'; at most 64),
            by default that of the run's folder.
        sounds: recordings of a sampler, or that a samplernn's notes start from, or that an inr's
            encoder encodes (file or folder), by default what the model was trained on.
        max_seconds: how much of each recording is used, 0.1 … 600; by default 10 s for a sampler,
            all 600 s for a samplernn.
        weights: of a generator, "fp32" or "int8".
        sample_rate: of an inr's output in Hz, 4000 … 384000; by default that of its training.

    Raises:
        ConfigError: an unknown form or format, or one that doesn't exist for this form.
        ModelFileError: the model can't be used, or the export doesn't play what the model does.
        DataError: the recordings can't be used, or the folder can't be written.
    """
    # The proof runs small tensors, which a second thread slows down, much so on a busy machine.
    torch.set_num_threads(1)
    _check(form, format, name, max_seconds, weights)
    package = load_package(model)
    form = _form(package, form)
    _check_family(package, form, format, weights, sample_rate)
    if form != "effect" and package.family != "inr" and sounds is None:
        sounds = _training_data(package)
    if package.family == "inr" and sounds is not None:
        package = encoded_sounds(package, sounds)
    package = replace(package, provenance=_public(package.provenance))
    folder = Path(out) if out is not None else Path(model).resolve().parent
    name = name or Path(model).resolve().parent.name or package.family
    _make_folder(folder)
    written = []
    if isinstance(package.model, INR):
        formats = FORMATS if format == "all" else (format,)
        files = export_inr(package, name, formats, sample_rate, weights)
        return [_write(folder / file, data, manifest) for file, data, manifest in files]
    if format in ("onnx", "all"):
        data, manifest = _onnx(package, form, name, sounds, max_seconds, weights)
        written.append(_write(folder / f"{name}.onnx", data, manifest))
    if format in ("torchscript", "all") and form != "generator":
        path = folder / f"{name}.ts"
        manifest = export_torchscript(copy.deepcopy(package), path, name=name)
        written.append(Exported(path, path.stat().st_size, manifest))
    return written


def _check(
    form: str | None, format: str, name: str | None, max_seconds: float | None, weights: str
) -> None:
    """What can be judged before the model is read. Raises `ConfigError`."""
    known = [name for names in FORMS.values() for name in names]
    if (form is not None and form not in known) or format not in FORMATS:
        raise ConfigError(f"export as {', '.join(known)}; formats are {', '.join(FORMATS)}")
    require_one_of("--weights", weights, WEIGHTS)
    if max_seconds is not None and not 0.1 <= max_seconds <= 600:
        raise ConfigError(f"--max-seconds is {max_seconds}; 0.1 … 600 is allowed")
    if name and (len(name) > MAX_NAME or not _FILE_NAME.fullmatch(name)):
        raise ConfigError(
            f"--name is {name!r:.80}; it names files: at most {MAX_NAME} letters, digits, spaces,"
            " '.', '_', '-', and no '.' in front"
        )


def _check_family(
    package: Package, form: str, format: str, weights: str, sample_rate: int | None
) -> None:
    """What only some families have. Raises `ConfigError`."""
    if form != "effect" and package.family != "inr" and format == "torchscript":
        raise ConfigError(f"a {form} is exported as onnx; torchscript holds the effect")
    if form != "generator" and weights != "fp32":
        raise ConfigError(f"--weights {weights} is for generators (samplernn, inr); leave it out")
    if package.family != "inr" and sample_rate is not None:
        raise ConfigError(
            f"--sample-rate {sample_rate} is for the generator of an inr; {package.family} plays at"
            " the rate of its training, leave it out"
        )


def _form(package: Package, form: str | None) -> str:
    """The form that is meant. Raises `ModelFileError` for one that the family doesn't have."""
    forms = FORMS.get(package.family, ())
    if not forms or (form is not None and form not in forms):
        raise ModelFileError(
            f"family {package.family} has no {form or 'usual'} export;"
            f" it has {', '.join(forms) or 'none'}"
        )
    return form or forms[0]


def _onnx(
    package: Package,
    form: str,
    name: str,
    sounds: str | Path | None,
    max_seconds: float | None,
    weights: str,
) -> tuple[bytes, Manifest]:
    model, told = package.model, package.provenance
    if isinstance(model, SampleRNN):
        seconds = max_seconds or GENERATOR_SECONDS
        live, facts = live_instrument(model, find_audio(sounds or ""), seconds, weights)
        return export_live(live, describe(live, name, package.family, {**told, **facts}))
    instrument = _instrument(package, form, sounds, max_seconds or SAMPLER_SECONDS)
    return export_onnx(instrument, describe(instrument, name, package.family, told))


def _instrument(
    package: Package, form: str, sounds: str | Path | None, max_seconds: float
) -> Instrument:
    codec = package.model
    if not isinstance(codec, Codec):
        raise ModelFileError(f"family {package.family} has no {form} export")
    if form == "effect":
        return CodecEffect(copy.deepcopy(codec), package.latent)
    entries = encode_files(codec, find_audio(sounds or ""), max_seconds)
    hop_s = codec.hop / codec.config.sample_rate
    bank = build_bank(entries, hop_s)
    if 2 * bank.latents.numel() > MAX_FILE_BYTES:
        raise ConfigError(
            f"the bank would take {2 * bank.latents.numel() >> 20} MB of at most"
            f" {MAX_FILE_BYTES >> 20}; lower --max-seconds or give fewer --sounds"
        )
    return CodecSampler(copy.deepcopy(codec), package.latent, bank)


def _training_data(package: Package) -> str:
    data: Any = package.provenance.get("data")
    path = data.get("path") if isinstance(data, dict) else None
    if not isinstance(path, str) or not Path(path).exists():
        raise ConfigError("the training data isn't at its old place; give --sounds FOLDER")
    return path


def _public(provenance: dict[str, Any]) -> dict[str, Any]:
    """What may travel in a file that is given away: not where things lie on this machine."""
    data = provenance.get("data")
    if not isinstance(data, dict):
        return provenance
    return {**provenance, "data": {k: v for k, v in data.items() if k != "path"}}


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{folder}: can't be made ({error.strerror}); choose another --out"
        ) from None


def _write(path: Path, data: bytes, manifest: Manifest) -> Exported:
    write_bytes(path, data)
    return Exported(path, len(data), manifest)
