"""The form of a row in the table of families: what a family can be exported as, and by whom.

Nothing here loads torch: help texts are made from rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from synth.contract import (
    ConfigError,
    Manifest,
    MatcherManifest,
    ModelFileError,
    require_one_of,
    require_within,
)

if TYPE_CHECKING:
    from synth.models.package import Package

SUFFIXES = {"onnx": ".onnx", "torchscript": ".ts"}  # of a file, by its format
ALL_FORMATS = "all"


class Maker(Protocol):
    """Makes one file of a trained model, and proves that it plays what the model does."""

    def __call__(
        self,
        package: Package,
        name: str,
        options: Mapping[str, Any],
        on_notice: Callable[[str], None],
        /,
    ) -> tuple[bytes, Manifest | MatcherManifest]:
        """The content of the file and the manifest in it.

        Args:
            package: the trained model; it is not changed.
            name: of the instrument.
            options: the value of every option of the form, by name.
            on_notice: called with a sentence that a person should read.
        """


class Generate(Protocol):
    """Writes audio that a trained model makes by itself."""

    def __call__(
        self,
        package: Package,
        out: str | Path,
        settings: Mapping[str, Any],
        on_samples: Callable[[int, int], None] | None,
        on_notice: Callable[[str], None] | None,
        /,
    ) -> list[Path]:
        """The files written; arguments as of `export.generate_audio.generate_audio`."""


@dataclass(frozen=True)
class Option:
    """A setting of an export that only some forms have.

    Attributes:
        name: of the setting; its flag is `--name` with dashes.
        type: of its values: `str`, `int`, `float` or `Path`.
        help: what it does, for people.
        default: of a value that isn't given.
        default_help: how help texts name the default; empty: as it is.
        from_package: finds the default where it depends on the model.
        minimum, maximum: range of a number.
        choices: of a text.
        formats: that heed values other than the default; empty: all of the form.
    """

    name: str
    type: type[Any]
    help: str
    default: Any = None
    default_help: str = ""
    from_package: Callable[[Package], Any] | None = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        """Name on the command line."""
        return "--" + self.name.replace("_", "-")

    def check(self, value: Any) -> None:
        """Raise `ConfigError`, naming flag and range, unless a value is allowed.

        Args:
            value: of the option's type.
        """
        if self.choices:
            require_one_of(self.flag, value, self.choices)
        if self.minimum is not None and self.maximum is not None:
            require_within(self.flag, value, self.minimum, self.maximum)

    def settle(self, package: Package, value: Any, formats: Sequence[str]) -> Any:
        """The value that counts: a default where none is given.

        Args:
            package: the model that is exported.
            value: as given; None: not given.
            formats: in which the model is exported.

        Raises:
            ConfigError: it is out of range, or nothing for one of the formats.
        """
        if value is None:
            return self.default if self.from_package is None else self.from_package(package)
        self.check(value)
        deaf = [name for name in formats if self.formats and name not in self.formats]
        if value != self.default and deaf:
            raise ConfigError(
                f"{self.flag} {value} is for --format {', '.join(self.formats)};"
                f" {', '.join(deaf)} files have {self.default}"
            )
        return value


# From patch files, a name or None, and a sample rate in Hz to name, bytes and manifest.
PatchMaker = Callable[[Sequence[Path], str | None, int], tuple[str, bytes, Manifest]]


@dataclass(frozen=True)
class Form:
    """One kind of instrument that a family becomes.

    Attributes:
        name: "effect", "sampler", "generator" or "matcher".
        formats: names of the formats, the usual one first, with what imports their makers.
        options: settings that this form has.
    """

    name: str
    formats: Mapping[str, Callable[[], Maker]]
    options: tuple[Option, ...] = ()


@dataclass(frozen=True)
class FamilyExport:
    """One row of the table: what can be made of a family's models.

    Attributes:
        forms: kinds of instrument, the usual one first.
        generate: imports what writes audio files; None: the family generates nothing by itself.
        patches: imports what makes an instrument of patches alone, in the usual form; None: the
            family has none.
    """

    forms: tuple[Form, ...]
    generate: Callable[[], Generate] | None = None
    patches: Callable[[], PatchMaker] | None = None

    def form(self, family: str, name: str | None) -> Form:
        """Find a form.

        Args:
            family: name of the family, for the message.
            name: of the form; None: the usual one.

        Raises:
            ModelFileError: the family has no such form.
        """
        if name is None:
            return self.forms[0]
        for form in self.forms:
            if form.name == name:
                return form
        forms = ", ".join(form.name for form in self.forms)
        raise ModelFileError(f"family {family} has no {name} export; it has {forms}")
