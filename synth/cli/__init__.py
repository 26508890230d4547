"""The `synth` command: parses, calls one function and prints. No logic; imports are lazy.

Exit codes: 0 done; 2 wrong usage or configuration; 3 a file, device or port is missing or broken,
or an answer can't be written; 130 and 143 stopped by Ctrl-C and SIGTERM.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from synth import __version__
from synth.cli.terminal.output import guard_output, settle
from synth.contract.errors import SynthError, printable

# Name of the command -> module under synth.cli that holds a function of the same name.
COMMANDS = {
    "bench": "bench",
    "clients": "clients",
    "devices": "devices",
    "doctor": "doctor",
    "export": "export",
    "fetch": "fetch",
    "generate": "generate",
    "info": "info",
    "match": "match",
    "play": "play",
    "render": "render",
    "report": "report",
    "timbre": "timbre",
    "train": "train",
}


class _LazyGroup(click.Group):
    """Imports a command's module only when that command is called."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        try:
            module = importlib.import_module(f"synth.cli.{COMMANDS[name]}")
        except ModuleNotFoundError as error:
            raise _lacking(error, f"`synth {name}`") from None
        command = getattr(module, name)
        assert isinstance(command, click.Command)  # noqa: S101 - the table above is ours
        return command


def _lacking(error: ModuleNotFoundError, what: str) -> Exception:
    """What is said of a package that isn't installed; the error itself if it is one of ours."""
    if (error.name or "").split(".")[0] in ("synth", "training", "export", "realtime"):
        return error
    return click.ClickException(
        f"{what} needs the package {error.name}; install it with"
        " pip install -c constraints.txt -e '.[train]'"
    )


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="synth")
@click.option("--debug", is_flag=True, help="Show a traceback when something fails.")
def cli(debug: bool) -> None:
    """Turn recordings into neural instruments, and play them live."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point of the `synth` command; exits with its code.

    Args:
        arguments: of the command line, without the program's name; None for the process's own.
    """
    guard_output()
    try:
        sys.exit(_call(sys.argv[1:] if arguments is None else arguments))
    finally:
        settle()


def _main(arguments: list[str]) -> object:
    """Run a command; one that lacks a package says how to install it."""
    try:
        return cli.main(args=arguments, prog_name="synth", standalone_mode=False)
    except ModuleNotFoundError as error:
        raise _lacking(error, "this") from None


def _call(arguments: Sequence[str]) -> int:
    """Run a command and print its error in one line; returns the exit code."""
    try:
        code = _main(list(arguments))
    except click.ClickException as error:
        error.show()
        return error.exit_code if isinstance(error, click.UsageError) else 3
    except click.exceptions.Abort:
        return 130
    except SynthError as error:
        if "--debug" in arguments:
            raise
        click.echo(printable(f"synth: {error}"), err=True)
        return error.exit_code
    return code if isinstance(code, int) else 0
