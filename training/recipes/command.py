"""The command line that the recipes share: a new folder, a seed, a soundfont."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from synth.contract import SynthError


def recipe_parser(
    command: str, description: str, *, seeded: bool = True
) -> argparse.ArgumentParser:
    """A parser with the arguments `out`, `--seed` and `--soundfont`.

    Args:
        command: by which the recipe is called.
        description: for the help text.
        seeded: whether the recipe draws anything, and so takes a seed.
    """
    parser = argparse.ArgumentParser(prog=command, description=description)
    parser.add_argument("out", type=Path, help="a new or empty folder")
    if seeded:
        parser.add_argument("--seed", type=int, default=0, help="of what is drawn, 0 … 2³²-1")
    parser.add_argument("--soundfont", type=Path, help="a General MIDI .sf2 other than FluidR3")
    return parser


def told(recipe: Callable[[], str]) -> int:
    """Run a recipe and print what it returns, or its error in one line; returns the exit code."""
    try:
        text = recipe()
    except SynthError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(text)
    return 0


def counted(out: Path, counts: Mapping[str, int]) -> str:
    """A line for each folder under `out`, with the number of files in it."""
    return "".join(f"{out / name}: {count} files\n" for name, count in counts.items())
