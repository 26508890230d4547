"""A Pure Data patch that plays an instrument over OSC; vanilla 0.51 or newer."""

from __future__ import annotations

import itertools

from realtime.clients.surface import Fader, Surface, number
from realtime.namespace.address import parts_of

ROW = 26  # pixels
COLUMN = 420
ROWS = 18
TOP = 420  # pixels above the faders
WIDTH = 128  # of a fader, pixels
COLOURS = "#fcfcfc #000000 #000000"


class _Patch:
    """Boxes and cords in Pd's file format."""

    def __init__(self, width: int, height: int) -> None:
        self._boxes = [f"#N canvas 60 60 {width} {height} 12;"]
        self._cords: list[str] = []

    def add(self, kind: str, x: int, y: int, text: str) -> int:
        """Add a box of the kind obj, msg or text; returns its number for `connect`."""
        escaped = text.replace(",", " \\,").replace(";", " \\;").replace("$", "\\$")
        self._boxes.append(f"#X {kind} {x} {y} {escaped};")
        return len(self._boxes) - 2

    def connect(self, source: int, target: int, outlet: int = 0, inlet: int = 0) -> None:
        """Add a cord."""
        self._cords.append(f"#X connect {source} {outlet} {target} {inlet};")

    def chain(self, *boxes: int) -> None:
        """Add cords from the first outlet of each to the first inlet of the next."""
        for source, target in itertools.pairwise(boxes):
            self.connect(source, target)

    def __str__(self) -> str:
        return "\n".join([*self._boxes, *self._cords]) + "\n"


def puredata_patch(surface: Surface) -> str:
    """The text of a patch with the faders and buttons of a surface.

    Other patches can use it by sending to `synth-port` (a port number), `synth-play` and
    `synth-status` (a bang each).
    """
    rows = min(len(surface.faders), ROWS)
    columns = -(-len(surface.faders) // ROWS)
    patch = _Patch(max(820, 40 + columns * COLUMN), TOP + 40 + rows * ROW)
    patch.add("text", 30, 15, f"{surface.name}: start synth play first. Then click the button.")
    send = _add_wire(patch, surface)
    _add_phrase(patch, surface, send)
    for index, address in enumerate(surface.buttons):
        x, y = 540 + 140 * (index % 2), 110 + 50 * (index // 2)
        bang = patch.add("msg", x, y, "bang")
        patch.chain(bang, patch.add("obj", x, y + 22, _oscformat(address)), send)
    start = patch.add("obj", 30, TOP - 30, "loadbang")
    for index, fader in enumerate(surface.faders):
        x, y = 30 + COLUMN * (index // ROWS), TOP + ROW * (index % ROWS)
        _add_fader(patch, fader, x, y, start, send)
    return str(patch)


def _add_wire(patch: _Patch, surface: Surface) -> int:
    """Add the connection and its answers; returns the box that takes OSC as lists of bytes."""
    prepend = patch.add("obj", 30, 345, "list prepend send")
    trim = patch.add("obj", 170, 345, "list trim")
    socket = patch.add("obj", 250, 345, "netsend -u -b")
    patch.chain(prepend, trim, socket)
    start = patch.add("obj", 540, 15, "loadbang")
    port = patch.add("msg", 540, 40, str(surface.port))
    other = patch.add("obj", 610, 40, "r synth-port")
    order = patch.add("obj", 540, 65, "t f b")
    connect = patch.add("msg", 540, 88, f"connect {surface.host} $1")
    disconnect = patch.add("msg", 710, 88, "disconnect")
    patch.chain(start, port, order, connect, socket)
    patch.connect(other, order)
    patch.connect(order, disconnect, outlet=1)
    patch.connect(disconnect, socket)
    parse = patch.add("obj", 370, 345, "oscparse")
    words = patch.add("obj", 450, 345, "list trim")
    kinds = patch.add("obj", 530, 345, "route fail status.reply")
    patch.connect(socket, parse, outlet=1)
    patch.chain(parse, words, kinds, patch.add("obj", 530, 370, "print synth-refused"))
    patch.connect(kinds, patch.add("obj", 680, 370, "print synth-status"), outlet=1)
    asked = patch.add("obj", 680, 300, "r synth-status")
    patch.chain(asked, patch.add("obj", 680, 322, "oscformat status"), prepend)
    return prepend


def _add_phrase(patch: _Patch, surface: Surface, send: int) -> None:
    """Add a phrase: three notes while a control moves."""
    low, high = surface.mover.sweep
    button = patch.add("obj", 30, 50, f"bng 25 250 50 0 empty empty play 32 12 0 12 {COLOURS}")
    order = patch.add("obj", 30, 85, "t b b b b")
    patch.connect(button, order)
    patch.connect(patch.add("obj", 110, 55, "r synth-play"), order)
    make = patch.add("obj", 30, 205, "makenote 100 350")
    pack = patch.add("obj", 30, 235, "pack f f")
    for index, (delay, key) in enumerate(((0, 60), (400, 64), (800, 67))):
        wait = patch.add("obj", 30 + 80 * index, 115, f"del {delay}")
        note = patch.add("msg", 30 + 80 * index, 145, str(key))
        patch.connect(order, wait, outlet=index)
        patch.chain(wait, note, make)
    patch.chain(make, pack, patch.add("obj", 30, 265, _oscformat("/note/on")), send)
    patch.connect(make, pack, outlet=1, inlet=1)
    ramp = patch.add("msg", 290, 115, f"{number(low)}, {number(high)} 1200")
    line = patch.add("obj", 290, 145, "line 0 50")
    patch.connect(order, ramp, outlet=3)
    patch.chain(ramp, line, patch.add("obj", 290, 265, _oscformat(surface.mover.address)), send)
    patch.add("text", 130, 235, "makenote sends velocity 0 at the end")


def _add_fader(patch: _Patch, fader: Fader, x: int, y: int, start: int, send: int) -> None:
    """Add a slider, set to the control's default when the patch opens; `set` sends nothing."""
    limits = f"{number(fader.minimum)} {number(fader.maximum)}"
    name = f"{fader.name}_{limits.replace(' ', '_')}"
    share = (fader.default - fader.minimum) / (fader.maximum - fader.minimum)
    slider = patch.add(
        "obj", x, y,
        f"hsl {WIDTH} 15 {limits} 0 0 empty empty {name} -2 -8 0 10 {COLOURS}"
        f" {round(100 * (WIDTH - 1) * share)} 1",
    )  # fmt: skip
    default = patch.add("msg", x + 340, y, f"set {number(fader.default)}")
    patch.chain(start, default, slider)
    last = patch.add("obj", x + 180, y, _oscformat(fader.address))
    if fader.whole:
        whole = patch.add("obj", x + 140, y, "int")
        patch.chain(slider, whole, last, send)
    else:
        patch.chain(slider, last, send)


def _oscformat(address: str) -> str:
    return "oscformat " + " ".join(parts_of(address))
