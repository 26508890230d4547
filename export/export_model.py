"""From `model.pt` to instrument files: the work of `synth export`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from export.checkpoint import load_package
from export.families import EXPORT, form_names, format_names, forms_with_format, options_named
from export.row import ALL_FORMATS, SUFFIXES, Form
from export.threads import one_thread
from export.written import Exported, check_name, make_folder, write_instrument
from synth.contract import ConfigError, require_one_of
from synth.models.package import Package


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
    make_folder(folder)
    with one_thread():
        made = (
            (
                folder / f"{name}{SUFFIXES[f]}",
                *chosen.formats[f]()(package, name, settled, on_notice),
            )
            for f in formats
        )
        return [write_instrument(*file) for file in made]


def _check(form: str | None, format: str, name: str | None, given: Mapping[str, Any]) -> None:
    """Judge what can be judged before the model is read. Raises `ConfigError`."""
    forms, formats = form_names(), [*format_names(), ALL_FORMATS]
    if (form is not None and form not in forms) or format not in formats:
        raise ConfigError(f"export as {', '.join(forms)}; formats are {', '.join(formats)}")
    for key, value in given.items():
        _check_option(key, value)
    if name:
        check_name(name)


def _check_option(key: str, value: Any) -> None:
    """Refuse a value that no form takes."""
    refused: ConfigError | None = None
    options = list(options_named(key).values())
    if options and all(option.choices for option in options):
        known = dict.fromkeys(choice for option in options for choice in option.choices)
        return require_one_of(options[0].flag, value, tuple(known))
    for option in options:
        try:
            return option.check(value)
        except ConfigError as error:
            refused = refused or error
    raise refused or ConfigError(f"{key} is not an option of any export")


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
