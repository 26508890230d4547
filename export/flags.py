"""Flags and help texts of `synth export` and `synth generate`, from the rows of the families."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from export.families import EXPORT, all_forms, format_names, forms_with_format, options_named
from export.row import ALL_FORMATS


@dataclass(frozen=True)
class Flag:
    """One flag: its name as a parameter, the type of its values, its text."""

    name: str
    type: type[Any]
    help: str


def form_help() -> str:
    """Text of the flag that chooses the form."""
    families: dict[str, list[str]] = {}
    for family, row in EXPORT.items():
        families.setdefault(" or ".join(form.name for form in row.forms), []).append(family)
    return "; ".join(f"{', '.join(names)}: {forms}" for forms, names in families.items()) + "."


def format_help() -> str:
    """Text of the flag that chooses the format."""
    usual, *others = format_names()
    also = [f"{forms_with_format(name)}: also {name} or {ALL_FORMATS}" for name in others]
    return "; ".join([usual, *also]) + "."


def option_flags() -> list[Flag]:
    """Flags of everything that only some forms have."""
    found = {option.name: option.type for _, form in all_forms() for option in form.options}
    return [Flag(name, kind, _option_help(name)) for name, kind in found.items()]


def generating_families() -> list[str]:
    """Names of the families whose models generate audio by themselves."""
    return [family for family, row in EXPORT.items() if row.generate is not None]


def _option_help(name: str) -> str:
    texts: dict[str, list[str]] = {}
    for owner, option in options_named(name).items():
        default = option.default_help or option.default
        texts.setdefault(f"{option.help} [default: {default}]", []).append(owner)
    return "; ".join(f"{', '.join(forms)}: {text}" for text, forms in texts.items())
