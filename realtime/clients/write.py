"""Ready-made clients: patches and scripts for other programs, made from the OSCQuery tree.

A client is text made from a `Surface`, so that it always has the controls, ranges and addresses of
its instrument. `write_clients` does the work of `synth clients`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from realtime.clients.max import max_patch
from realtime.clients.puredata import puredata_patch
from realtime.clients.python import python_script
from realtime.clients.supercollider import supercollider_script
from realtime.clients.surface import Fader, Surface
from realtime.clients.touchdesigner import touchdesigner_script
from realtime.namespace.global_addresses import GLOBAL_VALUES
from realtime.namespace.namespace import Namespace
from realtime.oscquery.tree import Node, Tree
from realtime.plugins.bundled import instrument_path
from realtime.plugins.manifest import read_manifest
from realtime.plugins.osc_name import osc_name
from synth.contract import Control, DataError
from synth.contract.roles import EXPRESSION, NOTE, TRANSPORT

MAX_ELEMENTS = 16  # of a vector that get a fader each; the others can be set by address
MAX_FADERS = 64
MAX_STEPS = 1_000  # of a fader for whole numbers; above, the number has to be typed
# Controls that every note or the transport sets again and again get no fader: it would fight with
# them. (Bend, pressure and timbre of notes are added to the values of their controls, which do get
# a fader.) The tags of a control's node say what moves it.
PLAYED = {NOTE, TRANSPORT}
GENERATORS: Mapping[str, Callable[[Surface], str]] = {
    "python/play.py": python_script,
    "puredata/play.pd": puredata_patch,
    "supercollider/play.scd": supercollider_script,
    "max/play.maxpat": max_patch,
    "touchdesigner/build.py": touchdesigner_script,
}


def write_clients(
    instrument: str | None,
    out: str | Path,
    *,
    host: str = "127.0.0.1",
    port: int = 9000,
    trust: bool = False,
) -> list[Path]:
    """Write every client of an instrument below the folder `out`; returns the files.

    Args:
        instrument: file, name of a bundled one, or None for the default.
        out: the folder, made if it doesn't exist.
        host, port: where the session receives OSC, written into the clients.
        trust: whether a TorchScript file without manifest may be opened. Such a file is a program
            that has to run before its controls are known.

    Raises:
        ModelFileError: the instrument can't be opened.
        DataError: a file can't be written.
    """
    name, controls = _look_into(instrument_path(instrument), trust)
    tree = Tree(Namespace({name: controls})).node("/")
    surface = surface_of(tree, name, host, port)
    written = []
    for file, generate in GENERATORS.items():
        path = Path(out) / file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(generate(surface), encoding="utf-8", newline="\n")
        except OSError as error:
            raise DataError(
                f"{path}: can't be written ({error.strerror}); choose another --out"
            ) from None
        written.append(path)
    return written


def _look_into(path: Path, trust: bool) -> tuple[str, tuple[Control, ...]]:
    """Name and controls of an instrument, from its manifest if it has one."""
    manifest = read_manifest(path)
    if manifest is not None:
        return osc_name(manifest), manifest.controls
    from realtime.plugins.rack import (
        load_rack,
    )  # loads the runtimes, rarely needed here

    (plugin,) = load_rack([str(path)], trust=trust)
    plugin.close()
    return plugin.name, plugin.manifest.controls


def surface_of(tree: Node, name: str, host: str, port: int) -> Surface:
    """The faders and buttons of a whole OSCQuery tree.

    Args:
        tree: its root, as from `GET /`; name: of the instrument; host, port: see `write_clients`.
    """
    faders = [f for f in _faders(tree) if _is_fader(f)]
    return Surface(name, host, port, tuple(faders[:MAX_FADERS]), tuple(_buttons(tree)))


def _faders(node: Node) -> Iterator[Fader]:
    """A fader for each scalar and for the first elements of each vector: instruments before global
    values and, within an instrument, controls that wheels and pressure also move at the end."""
    for child in sorted(node.get("CONTENTS", {}).values(), key=_rank):
        if PLAYED.intersection(child.get("TAGS", ())):
            continue
        if child["ACCESS"] == 3 and len(child.get("RANGE", ())) == 1:
            yield _fader(child)
        elif child["ACCESS"] == 3 and "CONTENTS" in child:
            yield from map(_fader, list(child["CONTENTS"].values())[:MAX_ELEMENTS])
        elif child["ACCESS"] == 0:
            yield from _faders(child)


def _rank(node: Node) -> tuple[bool, bool]:
    return node["FULL_PATH"] in GLOBAL_VALUES, EXPRESSION in node.get("TAGS", ())


def _is_fader(fader: Fader) -> bool:
    return not fader.whole or fader.maximum - fader.minimum <= MAX_STEPS


def _fader(node: Node) -> Fader:
    limits = node["RANGE"][0]
    return Fader(
        node["FULL_PATH"],
        limits["MIN"],
        limits["MAX"],
        node["VALUE"][0],
        whole=node["TYPE"] == "i",
        text=node.get("DESCRIPTION", ""),
    )


def _buttons(node: Node) -> Iterator[str]:
    for child in node.get("CONTENTS", {}).values():
        if "channel" in child.get("TAGS", ()):
            continue  # the address without a channel is enough
        if child.get("TYPE") == "I" and child["ACCESS"] == 2:
            yield child["FULL_PATH"]
        else:
            yield from _buttons(child)
