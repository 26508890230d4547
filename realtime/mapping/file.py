"""Maps as YAML files: a mistake is reported with its line, and a file is never half written.

docs/midi.md describes the format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from realtime.mapping.control_map import (
    DEFAULT_BEND_RANGE,
    MAX_BINDINGS,
    MAX_SMOOTHING_MS,
    Binding,
    ControlMap,
    Macro,
    MappingError,
    bind,
    is_int,
    is_number,
)
from realtime.mapping.pad import DEFAULT_NEIGHBOURS, MAX_AXES, Pad, Point, from_shares, to_shares
from realtime.mapping.relative import ENCODINGS
from realtime.namespace.elements import axes_of
from realtime.namespace.event import Event
from realtime.namespace.global_addresses import GLOBAL_EVENTS
from realtime.namespace.namespace import Namespace
from realtime.namespace.sources import ANY_CHANNEL, Source
from synth.contract import ConfigError, Control, ProtocolError, read_yaml
from synth.contract.files import write_bytes

MAX_MACROS = 128
MAX_PADS = 32
MAX_SETTINGS = 1_024
_KEYS = ("cc", "bindings", "macros", "pads", "bend_range", "channel", "mpe", "set")
_SHORT = ("target", "min", "max", "curve", "pickup", "smoothing_ms", "relative")
_NUMBERS = {
    "cc": 119, "cc14": 31, "nrpn": 16_383, "rpn": 16_383, "note": 127, "key_pressure": 127,
}  # fmt: skip
_SOURCE_FORM = (
    "'cc 74', 'cc14 1', 'nrpn 1000', 'rpn 5', 'note 36', 'pressure', 'key_pressure 60',"
    " 'osc /1/fader1' or 'macro name'"
)

Where = tuple[str | int, ...]


def read_mapping(path: str | Path, namespace: Namespace) -> ControlMap:
    """A map from a YAML file.

    Only the bindings of the file hold: nothing of `default_mapping` is added.

    Args:
        path: the file; namespace: addresses of the rack, without macros and pads.

    Raises:
        ConfigError: the file can't be read, a key is unknown, an address is not in the
            `namespace`, a value is out of range. The message names file, line and field.
    """
    data = read_yaml(path)
    try:
        return mapping_from(data, namespace)
    except MappingError as error:
        line = _line(Path(path), error.where)
        raise ConfigError(f"{path}: line {line}: {_field(error.where)}{error}") from None


def mapping_from(data: Mapping[str, Any], namespace: Namespace) -> ControlMap:
    """A map from the parsed content of a file.

    Args:
        data: top-level keys of the file; namespace: see `read_mapping`.

    Raises:
        MappingError: as `read_mapping`; tells the path to the mistake.
    """
    _refuse_unknown(data, _KEYS, ())
    macros = _macros(data.get("macros") or {})
    pads = _pads(data.get("pads") or {}, namespace)
    frame = ControlMap(
        bend_range=data.get("bend_range", DEFAULT_BEND_RANGE),
        channel=data.get("channel"),
        macros=macros,
        pads=pads,
        settings=_settings(data.get("set") or {}, namespace),
        mpe=data.get("mpe", 0),
    )
    known = namespace.extended(frame.own_controls)
    short, long = data.get("cc") or {}, data.get("bindings") or []
    if not isinstance(short, dict):
        raise MappingError(("cc",), "cc needs lines like '1: {target: /codec/position}'")
    if not isinstance(long, list):
        raise MappingError(("bindings",), "bindings needs items like '- {source: cc 1, target: …}'")
    if len(short) + len(long) > MAX_BINDINGS:
        raise MappingError(("bindings",), f"more than {MAX_BINDINGS} bindings; leave some out")
    bindings = [_short(number, entry, known) for number, entry in short.items()]
    bindings += [_long(i, entry, known) for i, entry in enumerate(long)]
    return replace(frame, bindings=tuple(bindings))


def write_mapping(path: Path, mapping: ControlMap, namespace: Namespace) -> None:
    """Write a map for `read_mapping`; if that fails, the old file stays as it was.

    Args:
        path: the file; mapping: the map; namespace: see `read_mapping`.

    Raises:
        DataError: it can't be written.
    """
    text = yaml.safe_dump(plain_data(mapping, namespace), sort_keys=False, allow_unicode=True)
    write_bytes(path, text.encode())


def plain_data(mapping: ControlMap, namespace: Namespace) -> dict[str, Any]:
    """A map as the content of its YAML file: the inverse of `mapping_from`.

    Args:
        mapping: the map; namespace: see `read_mapping`.
    """
    data: dict[str, Any] = {"channel": mapping.channel, "bend_range": mapping.bend_range}
    if mapping.mpe:
        data["mpe"] = mapping.mpe
    if mapping.settings:
        data["set"] = {event.target: list(event.value) for event in mapping.settings}
    if mapping.macros:
        data["macros"] = {macro.name: macro.default for macro in mapping.macros}
    if mapping.pads:
        data["pads"] = {pad.name: _plain_pad(pad, namespace) for pad in mapping.pads}
    data["bindings"] = [_plain_binding(binding) for binding in mapping.bindings]
    return data


def _short(number: Any, entry: Any, namespace: Namespace) -> Binding:
    where: Where = ("cc", number)
    if not is_int(number, 0, _NUMBERS["cc"]):
        raise MappingError(where, f"{number!r} is no controller; 0 … 119 (120 to 127 end notes)")
    if isinstance(entry, str):
        entry = {"target": entry}
    if not isinstance(entry, dict) or not isinstance(entry.get("target"), str):
        raise MappingError(where, "needs an address, as in '{target: /codec/position}'")
    _refuse_unknown(entry, _SHORT, where)
    return _binding(Source("cc", number), entry, where, namespace)


def _long(index: int, entry: Any, namespace: Namespace) -> Binding:
    where: Where = ("bindings", index)
    if not isinstance(entry, dict) or "source" not in entry or "target" not in entry:
        raise MappingError(where, "needs a source and a target, as in '{source: cc 1, target: …}'")
    _refuse_unknown(entry, ("source", "channel", "from", *_SHORT), where)
    source = parse_source(entry["source"], (*where, "source"))
    channel = entry.get("channel")
    if channel is not None:
        if not is_int(channel, 1, 16):
            raise MappingError((*where, "channel"), f"channel is {channel!r}; 1 … 16 is allowed")
        source = source._replace(channel=channel)
    return _binding(source, entry, where, namespace)


def _binding(
    source: Source, entry: Mapping[str, Any], where: Where, namespace: Namespace
) -> Binding:
    smoothing, pickup = entry.get("smoothing_ms", 0.0), entry.get("pickup", False)
    if not is_number(smoothing) or not 0 <= smoothing <= MAX_SMOOTHING_MS:
        raise MappingError(
            (*where, "smoothing_ms"),
            f"smoothing_ms is {smoothing!r}; 0 … {MAX_SMOOTHING_MS:g} ms is allowed",
        )
    if not isinstance(pickup, bool):
        raise MappingError((*where, "pickup"), f"pickup is {pickup!r}; true or false is allowed")
    span = entry.get("from", [0.0, 1.0])
    if not (isinstance(span, list) and len(span) == 2 and all(map(is_number, span))
            and span[0] != span[1]):  # fmt: skip
        raise MappingError((*where, "from"), f"from is {span!r:.60}; two different numbers fit")
    _check_relative(source, entry, where)
    return bind(
        source,
        entry["target"],
        namespace,
        where,
        low=entry.get("min"),
        high=entry.get("max"),
        curve=entry.get("curve", ""),
        pickup=pickup,
        smoothing_ms=float(smoothing),
        span=(float(span[0]), float(span[1])),
        relative=entry.get("relative", ""),
    )


def _check_relative(source: Source, entry: Mapping[str, Any], where: Where) -> None:
    relative = entry.get("relative")
    if relative is None:
        return
    if relative not in ENCODINGS:
        raise MappingError(
            (*where, "relative"), f"relative is {relative!r:.40}; known are {', '.join(ENCODINGS)}"
        )
    if source.kind != "cc":
        raise MappingError((*where, "relative"), f"{source} is not relative; only 'cc' sources are")
    if entry.get("pickup"):
        raise MappingError(
            (*where, "pickup"), "a relative controller never jumps: leave pickup or relative out"
        )


def parse_source(text: Any, where: Where = ()) -> Source:
    """A source from its text: `cc 74`, `pressure`, `osc /1/fader1`.

    Args:
        text: the value in the file; where: path to it, for errors.

    Raises:
        MappingError: the text names no source, or its number is out of range.
    """
    kind, _, rest = str(text).partition(" ")
    rest = rest.strip()
    if kind == "pressure" and not rest:
        return Source(kind, 0)
    if kind == "osc" and rest.startswith("/"):
        return Source(kind, rest)
    if kind == "macro" and rest:
        return Source(kind, rest)
    if kind in _NUMBERS and rest.isascii() and rest.isdigit() and len(rest) <= 5:
        if int(rest) <= _NUMBERS[kind]:
            return Source(kind, int(rest), ANY_CHANNEL)
        raise MappingError(where, f"source {text!r}: {kind} goes from 0 to {_NUMBERS[kind]}")
    raise MappingError(where, f"source {text!r:.60} is none of {_SOURCE_FORM}")


def _macros(data: Any) -> tuple[Macro, ...]:
    _check_named(data, "macros", MAX_MACROS)
    made = []
    for name, default in data.items():
        where = ("macros", name)
        if not is_number(default) or not 0 <= default <= 1:
            raise MappingError(where, f"{name} is {default!r}; where it stands, 0 … 1, is needed")
        made.append(Macro(name, float(default)))
        _check_name(made[-1], where)
    return tuple(made)


def _pads(data: Any, namespace: Namespace) -> tuple[Pad, ...]:
    _check_named(data, "pads", MAX_PADS)
    made = []
    for name, entry in data.items():
        where = ("pads", name)
        if not isinstance(entry, dict):
            raise MappingError(where, "needs axes, as in '{axes: [/codec/latent]}'")
        _refuse_unknown(entry, ("axes", "method", "neighbours", "points"), where)
        axes = _axes(entry.get("axes"), (*where, "axes"), namespace)
        count, method = entry.get("neighbours", DEFAULT_NEIGHBOURS), entry.get("method", "nearest")
        try:
            if not is_int(count, 1, 1 << 31):
                raise ConfigError(f"neighbours is {count!r}; a count is needed")
            pad = Pad(name, axes, method, count)
        except ConfigError as error:
            raise MappingError(where, str(error)) from None
        _check_name(pad, where)
        made.append(_with_points(pad, entry.get("points") or [], (*where, "points"), namespace))
    return tuple(made)


def _settings(data: Any, namespace: Namespace) -> tuple[Event, ...]:
    _check_named(data, "set", MAX_SETTINGS)
    made = []
    for address, value in data.items():
        where = ("set", address)
        numbers = value if isinstance(value, list) else [value]
        kept = address not in GLOBAL_EVENTS or GLOBAL_EVENTS[address].value
        if not numbers or not all(map(is_number, numbers)) or not kept:
            raise MappingError(where, f"is {value!r:.60}; the numbers of a control are needed")
        clamped = namespace.counters["clamped"]
        try:
            event = namespace.resolve(address, numbers)
        except ProtocolError as error:
            raise MappingError(where, str(error)) from None
        if namespace.counters["clamped"] > clamped:
            nearest = ", ".join(f"{v:g}" for v in event.value)
            raise MappingError(where, f"{value!r:.60} is out of range; the nearest is {nearest}")
        made.append(event)
    return tuple(made)


def _axes(axes: Any, where: Where, namespace: Namespace) -> tuple[str, ...]:
    axes = [axes] if isinstance(axes, str) else axes
    if not isinstance(axes, list) or not axes or len(axes) > MAX_AXES:
        raise MappingError(where, f"axes needs a list of 1 to {MAX_AXES} addresses")
    for i, address in enumerate(axes):
        if not isinstance(address, str) or namespace.find(address) is None:
            raise MappingError((*where, i), f"nothing has the address {address!r:.80}")
    return tuple(axes)


def _with_points(pad: Pad, points: Any, where: Where, namespace: Namespace) -> Pad:
    controls = [c for _, parts in axes_of(pad.axes, namespace) for c in parts]
    if not isinstance(points, list):
        raise MappingError(where, "points needs items like '- {x: 0.1, y: 0.9, values: […]}'")
    for i, entry in enumerate(points):
        here = (*where, i)
        if not isinstance(entry, dict) or set(entry) != {"x", "y", "values"}:
            raise MappingError(here, "a point has x, y and values, and nothing else")
        x, y, values = entry["x"], entry["y"], entry["values"]
        if not (is_number(x) and is_number(y) and 0 <= x <= 1 and 0 <= y <= 1):
            raise MappingError(here, f"x is {x!r:.40}, y is {y!r:.40}; 0 … 1 is allowed")
        if not isinstance(values, list) or len(values) != len(controls):
            raise MappingError(here, f"values needs {len(controls)} numbers, one for each axis")
        for control, value in zip(controls, values, strict=True):
            low, high = control.minimum[0], control.maximum[0]
            if not is_number(value) or not low <= value <= high:
                raise MappingError(
                    (*here, "values"), f"{control.name} is {value!r:.40}; {low:g} … {high:g} fits"
                )
        try:
            pad = pad.stored(Point(float(x), float(y), to_shares(controls, values)))
        except ConfigError as error:
            raise MappingError(here, str(error)) from None
    return pad


def _check_named(data: Any, what: str, most: int) -> None:
    if not isinstance(data, dict) or not all(isinstance(name, str) for name in data):
        raise MappingError((what,), f"{what} needs 'name: …' lines")
    if len(data) > most:
        raise MappingError((what,), f"{len(data)} {what}; {most} can be used")


def _check_name(named: Macro | Pad, where: Where) -> None:
    try:
        _ = named.control
    except ConfigError as error:
        raise MappingError(where, str(error)) from None


def _refuse_unknown(data: Mapping[Any, Any], known: Sequence[str], where: Where) -> None:
    for key in data:
        if key not in known:
            raise MappingError((*where, key), f"unknown key {key!r}; known are {', '.join(known)}")


def _plain_binding(binding: Binding) -> dict[str, Any]:
    source = binding.source
    data: dict[str, Any] = {"source": str(source._replace(channel=ANY_CHANNEL))}
    if source.channel != ANY_CHANNEL:
        data["channel"] = source.channel
    if binding.span != (0.0, 1.0):
        data["from"] = list(binding.span)
    data |= {"target": binding.target, "min": binding.low, "max": binding.high}
    data["curve"] = binding.curve
    if binding.relative:
        data["relative"] = binding.relative
    if binding.pickup:
        data["pickup"] = True
    if binding.smoothing_ms:
        data["smoothing_ms"] = binding.smoothing_ms
    return data


def _plain_pad(pad: Pad, namespace: Namespace) -> dict[str, Any]:
    controls: list[Control] = [c for _, parts in axes_of(pad.axes, namespace) for c in parts]
    points = [
        {"x": p.x, "y": p.y, "values": list(from_shares(controls, p.values))} for p in pad.points
    ]
    return {
        "axes": list(pad.axes),
        "method": pad.method,
        "neighbours": pad.neighbours,
        "points": points,
    }


def _field(where: Where) -> str:
    """The path to a field in words, with a colon; "" where the message names the field itself."""
    if len(where) < 2:
        return ""
    first, second = where[0], where[1]
    if first == "cc":
        return f"cc {second!r}: " if isinstance(second, bool | str) else f"cc {second}: "
    if first == "bindings":
        return f"binding {int(second) + 1}: "
    return f"{str(first).removesuffix('s')} {second}: "


def _line(path: Path, where: Where) -> int:
    """The line, from 1, of the deepest part of the path that the file contains."""
    node = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)
    line = 1
    for part in where:
        if isinstance(node, yaml.MappingNode):
            found = [(k, v) for k, v in node.value if _same(k.value, part)]
            if not found:
                break
            key, node = found[-1]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            if part >= len(node.value):
                break
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _same(written: object, part: str | int) -> bool:
    return str(written).lower() == str(part).lower()
