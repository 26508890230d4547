"""The address space as OSCQuery describes it: one node per address, as JSON-ready data.

After the OSCQuery proposal (github.com/Vidvox/OSCQueryProposal). No I/O: a `Tree` is built from a
namespace and asked for nodes and attributes. Its errors are those that the proposal distinguishes
(unknown path, unknown attribute, attribute that this node lacks).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from realtime.namespace.address import Address, element_of, split_last
from realtime.namespace.elements import element as part_of
from realtime.namespace.global_addresses import GLOBAL_EVENTS, MAP_FORM, named, signature_of
from realtime.namespace.namespace import Namespace
from synth.contract import Control, Place, ProtocolError
from synth.contract.control import LARGEST
from synth.contract.curves import WHOLE
from synth.contract.roles import mover

READ, WRITE = 1, 2  # bits of ACCESS
# All attributes of the proposal, and ours; any other one in a query is an error.
ATTRIBUTES = frozenset(
    (
        *("FULL_PATH", "CONTENTS", "TYPE", "ACCESS", "VALUE", "RANGE", "DESCRIPTION", "TAGS"),
        *("EXTENDED_TYPE", "UNIT", "CRITICAL", "CLIPMODE", "OVERLOADS"),
        "CURVE",  # ours: what a fader does between the ends of its range, and an exponent
    )
)
EXTENSIONS = {
    **dict.fromkeys(("ACCESS", "VALUE", "RANGE", "DESCRIPTION", "TAGS", "UNIT", "CLIPMODE"), True),
    **dict.fromkeys(("EXTENDED_TYPE", "CRITICAL", "OVERLOADS"), False),
    **dict.fromkeys(("HTML", "LISTEN", "PATH_ADDED", "PATH_REMOVED"), True),
    **dict.fromkeys(("PATH_CHANGED", "PATH_RENAMED"), False),
    "CURVE": True,
}
# Our units that the proposal has a word for; others are sent as they are.
_UNITS = {
    "s": "time.second",
    "ms": "time.ms",
    "Hz": "time.hz",
    "bpm": "time.bpm",
    "key": "time.midinote",
    "dB": "gain.db",
}

_METER = Control("meter", description="measured while it plays")

Node = dict[str, Any]
Values = Callable[[str], Sequence[float] | None]


class UnknownPathError(ProtocolError):
    """No container or method has this path (HTTP 404)."""


class UnknownAttributeError(ProtocolError):
    """The proposal knows no such attribute (HTTP 400)."""


class NoContentError(ProtocolError):
    """This node has no such attribute, or its value can't be read (HTTP 204)."""


def _no_values(address: str) -> None:
    return None


class Tree:
    """The nodes of a namespace.

    Args:
        namespace: its controls and the global addresses become methods.
        values: gives the last value of an address, or None if none was set yet (then the default
            is shown); called whenever a node is asked for.
        meters: addresses of one number each that can only be read.
        commands: addresses of commands, which are answered.
    """

    def __init__(
        self,
        namespace: Namespace,
        values: Values = _no_values,
        meters: Iterable[str] = (),
        commands: Iterable[str] = (),
    ) -> None:
        self._values = values
        self._nodes: dict[str, Node] = {}
        self._defaults: dict[str, tuple[float, ...]] = {}
        self._owners: dict[str, str] = {}
        self._whole: dict[str, bool] = {}
        self._children: dict[str, dict[str, str]] = {"/": {}}
        for address, control in namespace.controls.items():
            names = namespace.sounds.names(Address.parse(address).plugin)
            if control.role == "sound" and names:
                listed = ", ".join(f"{i} {name}" for i, name in enumerate(names))
                control = replace(control, description=f"{control.description}: {listed}")
            self._add_control(address, control)
        for plugin, places in namespace.maps.items():
            self._add_map(named(MAP_FORM, plugin), places)
        for address, event in GLOBAL_EVENTS.items():
            access = WRITE | READ if event.value else WRITE
            tags = ["global", *(["channel"] if event.channel else [])]
            self._add(address, event.arguments, access, tags, event.description)
        for address in meters:
            self._add(address, (_METER,), READ, ["meter"])
            del self._nodes[address]["RANGE"], self._nodes[address]["CLIPMODE"]
        for address in commands:
            if address not in self._nodes:
                self._add_command(address)

    @property
    def methods(self) -> frozenset[str]:
        """The addresses of all methods."""
        return frozenset(self._nodes)

    def readable(self, address: str) -> bool:
        """Whether an address has a value that clients can ask for and listen to."""
        return address in self._defaults

    def value(self, address: str) -> list[float | int]:
        """The present value of a readable address: the last one set, or the default.

        Raises:
            KeyError: the address is not readable.
        """
        default = self._defaults[address]
        last = self._values(address)
        numbers = default if last is None or len(last) != len(default) else last
        finite = [min(max(n, -LARGEST), LARGEST) for n in numbers]  # a level may be minus infinity
        return [round(n) if self._whole[address] else n for n in finite]

    def owner(self, address: str) -> str:
        """The address of the control that an element belongs to; else the address itself."""
        return self._owners.get(address, address)

    def types(self, address: str) -> str:
        """The type tags of a method, without the comma."""
        return str(self._nodes[address]["TYPE"])

    def node(self, path: str) -> Node:
        """The node at a path with all nodes below it.

        Raises:
            UnknownPathError: there is none.
        """
        if path not in self._nodes and path not in self._children:
            raise UnknownPathError(f"nothing has the address {path[:80]}; / lists what there is")
        node = dict(self._nodes.get(path) or {"FULL_PATH": path, "ACCESS": 0})
        if path in self._defaults:
            node["VALUE"] = self.value(path)
        if path in self._children:
            node["CONTENTS"] = {n: self.node(p) for n, p in self._children[path].items()}
        return node

    def attribute(self, path: str, name: str) -> Node:
        """One attribute of a node, as an object with that one member.

        Args:
            path: of the node; name: of the attribute, in capitals.

        Raises:
            UnknownPathError: there is no such node.
            UnknownAttributeError: there is no such attribute anywhere.
            NoContentError: this node has none.
        """
        node = self.node(path)
        if name not in ATTRIBUTES:
            raise UnknownAttributeError(
                f"unknown attribute {name[:40]!r}; known are {', '.join(sorted(ATTRIBUTES))},"
                " HOST_INFO and HTML"
            )
        if name not in node:
            raise NoContentError(f"{path[:80]} has no {name}")
        return {name: node[name]}

    def _add_control(self, address: str, control: Control) -> None:
        tags = ["control", *(["per_voice"] if control.per_voice else []), mover(control.role)]
        tags += [control.role] if control.role in ("latent", "place") else []
        tags = [tag for tag in tags if tag]
        self._add(address, (control,), READ | WRITE, tags)
        if control.size == 1:
            return
        for index in range(control.size):
            element = element_of(address, index)
            self._owners[element] = address
            text = f"element {index} of {control.name}"
            part = replace(part_of(control, index), description=text)
            self._add(element, (part,), READ | WRITE, tags)

    def _add_map(self, address: str, places: Sequence[Place]) -> None:
        """A node that can only be read: a sound's name and three coordinates in each array."""
        self._add_method(
            address,
            {
                "FULL_PATH": address,
                "ACCESS": READ,
                "TAGS": ["map"],
                "TYPE": "[sfff]" * len(places),
                "VALUE": [[place.name, *place.position] for place in places],
                "DESCRIPTION": "where the training sounds lie along the first three axes of the"
                " control with the tag latent: name and coordinates of each",
            },
        )

    def _add_command(self, address: str) -> None:
        signature = signature_of(address)
        self._add(address, (), WRITE, ["command"], signature.description)
        self._nodes[address]["TYPE"] = signature.types

    def _add(
        self,
        address: str,
        controls: Sequence[Control],
        access: int,
        tags: Sequence[str],
        does: str = "",
    ) -> None:
        self._add_method(address, _method(address, controls, access, tags, does))
        if access & READ:
            (control,) = controls
            self._defaults[address] = control.default
            self._whole[address] = control.curve in WHOLE

    def _add_method(self, address: str, node: Node) -> None:
        self._nodes[address] = node
        path = address
        while path != "/":
            parent, name = split_last(path)
            parent = parent or "/"
            siblings = self._children.setdefault(parent, {})
            if name in siblings:
                return
            siblings[name] = path
            path = parent


def _method(
    address: str, controls: Sequence[Control], access: int, tags: Sequence[str], does: str
) -> Node:
    """The node of a method; every list in it has one entry per number that the method takes."""
    node: Node = {"FULL_PATH": address, "ACCESS": access, "TAGS": list(tags)}
    # I is the impulse of OSC 1.1: an action without a value.
    node["TYPE"] = "".join(("i" if c.curve in WHOLE else "f") * c.size for c in controls) or "I"
    texts = [c.description for c in controls]
    if access == WRITE:
        told = (f"{c.name}: {c.description}" for c in controls if c.description)
        texts = [does, *told]
    node["DESCRIPTION"] = "; ".join(t for t in texts if t)
    if controls:
        node["RANGE"] = [r for c in controls for r in _ranges(c)]
        node["CLIPMODE"] = ["both"] * len(node["TYPE"])
        if any(c.curve not in ("linear", *WHOLE) for c in controls):
            node["CURVE"] = [[c.curve, c.exponent] for c in controls for _ in range(c.size)]
        if any(c.unit for c in controls):
            node["UNIT"] = [_UNITS.get(c.unit, c.unit) for c in controls for _ in range(c.size)]
    return node


def _ranges(control: Control) -> list[Node]:
    ranges: list[Node] = []
    whole = control.curve in WHOLE
    for low, high in zip(control.minimum, control.maximum, strict=True):
        limits = (round(low), round(high)) if whole else (low, high)
        ranges.append({"MIN": limits[0], "MAX": limits[1]})
        if control.curve == "toggle":
            ranges[-1]["VALS"] = list(limits)
    return ranges
