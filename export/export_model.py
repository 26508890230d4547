"""From `model.pt` to instrument files: the work of `synth export`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from export.checkpoint import load_package
from export.families import EXPORT, form_names, format_names, forms_with_format, options_named
from export.row import ALL_FORMATS, SUFFIXES, Form
from export.threads import one_thread
from synth.contract import ConfigError, DataError, Manifest, require_one_of, write_bytes
from synth.models.package import Package

MAX_NAME = 64
_FILE_NAME = re.compile(r"[\w-][\w .-]*")


@dataclass(frozen=True)
class Exported:
    """One file written.

    Attributes:
        path: where it lies.
        size: in bytes.
        manifest: as it stands in the file.
    """

    path: Path
    size: int
    manifest: Manifest

    @property
    def difference(self) -> str:
        """How far the file is from the trained model, in words."""
        told = self.manifest.provenance
        if "codes_differing" in told:
            bits = told["bits_per_sample"]
            return (
                f"draws another sample than the model in {100 * told['codes_differing']:.1f} % of"
                f" all places, {bits['int8'] - bits['fp32']:+.4f} bits per sample"
            )
        if told.get("weights") == "fp16":
            return (
                f"differs from the model by {told['parity']:.1e} of full scale, nearly all of it as"
                f" its weights are rounded to fp16 (by {told['graph_parity']:.1e} without that)"
            )
        noise = f", {told['snr_db']:g} dB below its sound" if "snr_db" in told else ""
        return f"differs from the model by {told.get('parity', 0.0):.1e}{noise}"


def export_model(
    model: str | Path,
    *,
    form: str | None = None,
    format: str = "onnx",
    out: str | Path | None = None,
    name: str | None = None,
    on_notice: Callable[[str], None] = lambda text: None,
    **options: Any,
) -> list[Exported]:
    """Export a trained model.

    Args:
        model: `model.pt` of a run.
        form: one of its family's in `export.families.EXPORT`; by default the first of them.
        format: "onnx", "torchscript" or, for each that the form has, "all".
        out: folder, by default that of the model; created if missing.
        name: of the instrument and its files, by default that of the run's folder.
        on_notice: called with a sentence that a person should read, such as which recording is
            left out.
        options: settings of the form, by the names of its options; None: the default.

    Raises:
        ConfigError: a form, format or option isn't known or isn't for this model.
        ModelFileError: the model can't be used, or the export doesn't play what the model does.
        DataError: the recordings can't be used, or the folder can't be written.
    """
    given = {key: value for key, value in options.items() if value is not None}
    _check(form, format, name, given)
    package = load_package(model)
    chosen = EXPORT[package.family].form(package.family, form)
    formats = _formats(package.family, chosen, format)
    settled = _settle(package, chosen, formats, given)
    package = replace(package, provenance=_public(package.provenance))
    run = Path(model).resolve().parent
    folder, name = run if out is None else Path(out), name or run.name or package.family
    _make_folder(folder)
    with one_thread():
        made = (
            (
                folder / f"{name}{SUFFIXES[f]}",
                *chosen.formats[f]()(package, name, settled, on_notice),
            )
            for f in formats
        )
        return [_write(*file) for file in made]


def _write(path: Path, data: bytes, manifest: Manifest) -> Exported:
    write_bytes(path, data)
    return Exported(path, len(data), manifest)


def _check(form: str | None, format: str, name: str | None, given: Mapping[str, Any]) -> None:
    """Judge what can be judged before the model is read. Raises `ConfigError`."""
    forms, formats = form_names(), [*format_names(), ALL_FORMATS]
    if (form is not None and form not in forms) or format not in formats:
        raise ConfigError(f"export as {', '.join(forms)}; formats are {', '.join(formats)}")
    for key, value in given.items():
        _check_option(key, value)
    if name and (len(name) > MAX_NAME or not _FILE_NAME.fullmatch(name)):
        raise ConfigError(
            f"--name is {name!r:.80}; it names files: at most {MAX_NAME} letters, digits, spaces,"
            " '.', '_', '-', and no '.' in front"
        )


def _check_option(key: str, value: Any) -> None:
    """Refuse a value that no form takes."""
    refused = ConfigError(f"{key} is not an option of any export")
    options = list(options_named(key).values())
    if options and all(option.choices for option in options):
        known = dict.fromkeys(choice for option in options for choice in option.choices)
        return require_one_of(options[0].flag, value, tuple(known))
    for option in options:
        try:
            return option.check(value)
        except ConfigError as error:
            refused = error
    raise refused


def _formats(family: str, form: Form, format: str) -> tuple[str, ...]:
    """The formats that are meant. Raises `ConfigError` for one that the form doesn't have."""
    if format == ALL_FORMATS:
        return tuple(form.formats)
    if format not in form.formats:
        raise ConfigError(
            f"a {family} {form.name} is exported as {', '.join(form.formats)}; {format} is for"
            f" {forms_with_format(format)}"
        )
    return (format,)


def _settle(
    package: Package, form: Form, formats: tuple[str, ...], given: Mapping[str, Any]
) -> dict[str, Any]:
    """The value of every option of the form. Raises `ConfigError` for one of another form."""
    own = {option.name: option for option in form.options}
    for key, value in given.items():
        if key in own:
            continue
        known = options_named(key)
        # The default of another form asks for nothing.
        if all(value != option.default for option in known.values()):
            flag = next(iter(known.values())).flag
            raise ConfigError(
                f"{flag} {value} is not an option of {package.family} {form.name}s; leave it out"
                f" (it is for {', '.join(f'{owner}s' for owner in known)})"
            )
    return {key: option.settle(package, given.get(key), formats) for key, option in own.items()}


def _public(provenance: dict[str, Any]) -> dict[str, Any]:
    """The provenance without paths of this machine, for a file that is given away."""
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
