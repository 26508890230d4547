"""A Max patch (.maxpat, which is JSON) that plays an instrument over OSC."""

from __future__ import annotations

import itertools
import json
from typing import Any

from realtime.clients.surface import Fader, Surface, number

REPLY_PORT = 9011  # answers go to this port, because udpsend can't receive
ROW, COLUMN, ROWS, TOP = 28, 560, 20, 350  # pixels; ROWS: faders in a column


class _Patcher:
    """Boxes and cords of a patch."""

    def __init__(self) -> None:
        self._boxes: list[dict[str, Any]] = []
        self._lines: list[dict[str, Any]] = []

    def add(self, text: str, x: int, y: int, inlets: int = 1, outlets: int = 1, **more: Any) -> str:
        """Add an object box (or, with `maxclass`, another kind of box); returns its id."""
        name = f"obj-{len(self._boxes) + 1}"
        width = more.pop("width", 9 + 7 * len(text))
        box = {"id": name, "maxclass": "newobj", "numinlets": inlets, "numoutlets": outlets}
        box |= {"outlettype": [""] * outlets, "patching_rect": [x, y, width, 22], **more}
        if text:
            box["text"] = text
        self._boxes.append({"box": box})
        return name

    def message(self, text: str, x: int, y: int) -> str:
        """Add a message box; returns its id."""
        return self.add(text, x, y, 2, 1, maxclass="message")

    def connect(self, source: str, target: str, outlet: int = 0, inlet: int = 0) -> None:
        """Add a cord."""
        self._lines.append(
            {"patchline": {"source": [source, outlet], "destination": [target, inlet]}}
        )

    def chain(self, *boxes: str) -> None:
        """Add cords from the first outlet of each to the first inlet of the next."""
        for source, target in itertools.pairwise(boxes):
            self.connect(source, target)

    def text(self, width: int, height: int) -> str:
        """The text of the file."""
        patcher = {
            "fileversion": 1,
            "appversion": {"major": 8, "minor": 5, "revision": 0, "architecture": "x64",
                           "modernui": 1},
            "classnamespace": "box",
            "rect": [60.0, 100.0, float(width), float(height)],
            "boxes": self._boxes,
            "lines": self._lines,
        }  # fmt: skip
        return json.dumps({"patcher": patcher}, indent=1) + "\n"


def max_patch(surface: Surface) -> str:
    """The text of a patch with the faders and buttons of a surface."""
    patch = _Patcher()
    _comment(patch, f"{surface.name}: start synth play first", 20, 10)
    send = patch.add(f"udpsend {surface.host} {surface.port}", 20, 290, outlets=0)
    _add_keys(patch, send)
    _add_answers(patch, send)
    for index, address in enumerate(surface.buttons):
        button = patch.message(address, 360 + 160 * (index % 2), 40 + 30 * (index // 2))
        patch.connect(button, send)
    start = patch.add("loadbang", 20, TOP - 15, outlets=1)
    for index, fader in enumerate(surface.faders):
        x, y = 20 + COLUMN * (index // ROWS), TOP + ROW * (index % ROWS)
        _add_fader(patch, fader, x, y, start, send)
    columns = -(-len(surface.faders) // ROWS)
    rows = min(len(surface.faders), ROWS)
    return patch.text(max(720, 40 + columns * COLUMN), TOP + 40 + rows * ROW)


def _add_keys(patch: _Patcher, send: str) -> None:
    keys = patch.add("", 20, 40, 2, 2, maxclass="kslider", width=300)
    make = patch.add("makenote 100 500", 20, 110, 3, 2)
    pack = patch.add("pack 0 0", 20, 140, 2, 1)
    patch.connect(keys, make)
    patch.connect(keys, make, 1, 1)
    patch.chain(make, pack, patch.add("prepend /note/on", 20, 170), send)
    patch.connect(make, pack, 1, 1)
    _comment(patch, "velocity 0, which makenote sends at the end of a note, ends it", 150, 140)


def _add_answers(patch: _Patcher, send: str) -> None:
    """Add a port for answers, which the patch asks for when it is opened."""
    ask = patch.message(f"/replyport {REPLY_PORT}", 20, 230)
    patch.chain(patch.add("loadbang", 20, 205, outlets=1), ask, send)
    patch.connect(patch.message("/status", 150, 230), send)
    heard = patch.add(f"udpreceive {REPLY_PORT}", 230, 205)
    kinds = patch.add("route /fail /status.reply", 230, 230, 1, 3)
    patch.chain(heard, kinds, patch.add("print synth-refused", 230, 255, outlets=0))
    patch.connect(kinds, patch.add("print synth-status", 390, 255, outlets=0), 1)


def _add_fader(patch: _Patcher, fader: Fader, x: int, y: int, start: str, send: str) -> None:
    """Add a slider, scaled to the range of the control and set to its default when the patch opens;
    `set` sends nothing."""
    _comment(patch, fader.name, x, y)
    slider = patch.add(
        "", x + 130, y, maxclass="slider", width=100, orientation=1, floatoutput=1, size=1.0
    )
    share = (fader.default - fader.minimum) / (fader.maximum - fader.minimum)
    default = patch.message(f"set {_point(share)}", x + COLUMN - 70, y)
    patch.chain(start, default, slider)
    ends = " ".join(number(v) if fader.whole else _point(v) for v in (fader.minimum, fader.maximum))
    scale = patch.add(f"scale 0. 1. {ends}", x + 235, y, 6, 1)
    last = patch.add(f"prepend {fader.address}", x + 330, y)
    patch.chain(slider, scale)
    if fader.whole:
        patch.chain(scale, patch.add("i", x + 310, y, 2, 1, width=18), last, send)
    else:
        patch.chain(scale, last, send)


def _point(value: float) -> str:
    """A number with a decimal point, without which Max takes it for a whole number."""
    text = number(value)
    return text if "." in text else text + "."


def _comment(patch: _Patcher, text: str, x: int, y: int) -> None:
    patch.add(text, x, y, 1, 0, maxclass="comment")
