"""The families that can be exported, in one explicit table.

What makes the files is imported when it is asked for, because a help text shouldn't wait for torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from export.row import FamilyExport, Form, Generate, Maker, Option, PatchMaker
from synth.contract import ConfigError

if TYPE_CHECKING:
    from synth.models.package import Package


def _training_data(package: Package) -> str:
    """Path of the recordings that a model was trained on.

    Raises:
        ConfigError: they aren't there any more.
    """
    data = package.provenance.get("data")
    path = data.get("path") if isinstance(data, dict) else None
    if not isinstance(path, str) or not Path(path).exists():
        raise ConfigError("the training data isn't at its old place; give --sounds FOLDER")
    return path


SOUNDS = Option(
    "sounds",
    Path,
    help="recordings (file or folder)",
    default_help="the training data",
    from_package=_training_data,
)
MAX_SECONDS = Option(
    "max_seconds", float, help="seconds used of each recording, 0.1 to 600", minimum=0.1,
    maximum=600.0,
)  # fmt: skip
WEIGHTS = Option(
    "weights", str, help="fp32, or int8: smaller and less exact", default="fp32",
    choices=("fp32", "int8"),
)  # fmt: skip
SAMPLE_RATE = Option(
    "sample_rate", int, help="of the output in Hz, 4000 to 384000",
    default_help="the training's", minimum=4_000, maximum=384_000,
)  # fmt: skip


def _codec_effect() -> Maker:
    from export.codec.instrument_file import effect_onnx

    return effect_onnx


def _codec_effect_script() -> Maker:
    from export.codec.instrument_file import effect_torchscript

    return effect_torchscript


def _codec_sampler() -> Maker:
    from export.codec.instrument_file import sampler_onnx

    return sampler_onnx


def _samplernn_generator() -> Maker:
    from export.samplernn.instrument_file import generator_onnx

    return generator_onnx


def _samplernn_generate() -> Generate:
    from export.samplernn.generate import generate

    return generate


def _inr_generator() -> Maker:
    from export.inr.instrument_file import generator_onnx

    return generator_onnx


def _inr_generator_script() -> Maker:
    from export.inr.instrument_file import generator_torchscript

    return generator_torchscript


def _timbre_generator() -> Maker:
    from export.timbre.instrument_file import generator_onnx

    return generator_onnx


VOICE_RATE = replace(
    SAMPLE_RATE, help="of the output in Hz, 44100 or 48000", default=48_000, default_help="",
    minimum=44_100, maximum=48_000,
)  # fmt: skip


def _inverse_generator() -> Maker:
    from export.inverse.instrument_file import generator_onnx

    return generator_onnx


def _inverse_patches() -> PatchMaker:
    from export.inverse.from_patches import patches_onnx

    return patches_onnx


def _inverse_matcher() -> Maker:
    from export.inverse.matcher_file import matcher_onnx

    return matcher_onnx


EXPORT: dict[str, FamilyExport] = {
    "codec": FamilyExport(
        (
            Form("effect", {"onnx": _codec_effect, "torchscript": _codec_effect_script}),
            Form(
                "sampler",
                {"onnx": _codec_sampler},
                (
                    replace(SOUNDS, help="recordings that become its bank (file or folder)"),
                    replace(MAX_SECONDS, default=10.0),
                ),
            ),
        )
    ),
    "samplernn": FamilyExport(
        (
            Form(
                "generator",
                {"onnx": _samplernn_generator},
                (
                    replace(SOUNDS, help="recordings that notes start from (file or folder)"),
                    replace(MAX_SECONDS, default=600.0),
                    WEIGHTS,
                ),
            ),
        ),
        generate=_samplernn_generate,
    ),
    "inr": FamilyExport(
        (
            Form(
                "generator",
                {"onnx": _inr_generator, "torchscript": _inr_generator_script},
                (
                    replace(
                        SOUNDS,
                        help="recordings that an autoencoder encodes (file or folder)",
                        default_help="the sounds it has learned",
                        from_package=None,
                    ),
                    replace(WEIGHTS, formats=("onnx",)),
                    SAMPLE_RATE,
                ),
            ),
        )
    ),
    "timbre": FamilyExport(
        (
            Form(
                "generator",
                {"onnx": _timbre_generator},
                (
                    replace(SAMPLE_RATE, default=48_000, default_help=""),
                    replace(
                        WEIGHTS,
                        help="fp32, or fp16: half as large, hardly less exact",
                        choices=("fp32", "fp16"),
                    ),
                ),
            ),
        )
    ),
    "inverse": FamilyExport(
        (
            Form("generator", {"onnx": _inverse_generator}, (VOICE_RATE,)),
            Form("matcher", {"onnx": _inverse_matcher}),
        ),
        patches=_inverse_patches,
    ),
}


def all_forms() -> Iterator[tuple[str, Form]]:
    """Every form of every family, with the family's name."""
    for family, row in EXPORT.items():
        for form in row.forms:
            yield family, form


def form_names() -> list[str]:
    """Names of the forms that some family has."""
    return list(dict.fromkeys(form.name for _, form in all_forms()))


def format_names() -> list[str]:
    """Names of the formats that some form has, the usual one first."""
    return list(dict.fromkeys(name for _, form in all_forms() for name in form.formats))


def forms_with_format(format: str) -> str:
    """The forms that have a format, for a sentence: "codec effects, inr generators"."""
    having = [(family, form) for family, form in all_forms() if format in form.formats]
    return ", ".join(f"{family} {form.name}s" for family, form in having)


def options_named(name: str) -> dict[str, Option]:
    """The options called `name`, each under the form that has it, as in "codec sampler"."""
    return {
        f"{family} {form.name}": option
        for family, form in all_forms()
        for option in form.options
        if option.name == name
    }
