"""`synth info` and `synth devices`: describing an instrument, listing devices and ports."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from realtime.device.listing import list_devices
from realtime.midi.ports import list_ports
from realtime.plugins.bundled import instrument_path
from realtime.plugins.manifest import read_manifest
from realtime.plugins.osc_name import osc_name
from synth.contract import Control, DeviceError, ModelFileError, printable

MOST_PLACES = 32  # of a map, on a terminal


def describe_file(path: str | Path | None) -> dict[str, Any]:
    """The manifest of an instrument file and the file's size, JSON-ready.

    Args:
        path: file or name of a bundled instrument; None for the default one.

    Raises:
        ModelFileError: the file is refused.
    """
    path = instrument_path(path)
    manifest = read_manifest(path)
    if manifest is None:
        raise ModelFileError(
            f"{path}: a TorchScript file without manifest, which says nothing of itself before it"
            " runs; if you trust where it comes from, `synth bench --trust` measures it"
        )
    return {
        "path": str(path),
        "bytes": path.stat().st_size,
        "name": manifest.name,
        "osc_name": osc_name(manifest),
        "family": manifest.family,
        "kind": manifest.kind,
        "format_version": manifest.format_version,
        "sample_rate": manifest.sample_rate,
        "hop": manifest.hop,
        "latency": manifest.latency,
        "channels_in": manifest.channels_in,
        "channels_out": manifest.channels_out,
        "key_range": manifest.key_range,
        "sounds": list(manifest.sounds),
        "map": [asdict(place) for place in manifest.map],
        "controls": [c.to_dict() for c in manifest.controls],
        "state_values": sum(_size(s.shape) for s in manifest.state),
        "provenance": manifest.provenance,
    }


def format_description(info: dict[str, Any]) -> str:
    """The description as text for a terminal.

    Args:
        info: from `describe_file`.
    """
    hop_ms = 1000 * info["hop"] / info["sample_rate"]
    lines = [
        f"{info['name']}  ({info['family']} {info['kind']}, {info['bytes'] / 1e6:.2f} MB,"
        f" format {info['format_version']})",
        f"  {info['path']}",
        f"  {info['sample_rate']} Hz, hop {info['hop']} samples ({hop_ms:.2f} ms),"
        f" {info['channels_in']} in, {info['channels_out']} out, latency {info['latency']}",
    ]
    if info["key_range"]:
        cents = info["provenance"].get("tuning_cents")
        within = f", within {cents:g} cents" if isinstance(cents, int | float) else ""
        lines.append(f"  in tune from key {info['key_range'][0]} to {info['key_range'][1]}{within}")
    if info["sounds"]:
        lines.append(f"  sounds: {', '.join(f'{i} {n}' for i, n in enumerate(info['sounds']))}")
    lines += _sustain_lines(info["provenance"].get("sounds"))
    lines += _map_lines(info["map"])
    lines += [f"  OSC: /{info['osc_name']}/<control>", "  controls:"]
    for data in info["controls"]:
        lines.append("    " + _control_line(Control.from_dict(data)))
    provenance = info["provenance"]
    for key in ("licence", "parity", "codes_differing"):
        if provenance.get(key) not in (None, ""):
            lines.append(f"  {key}: {provenance[key]}")
    return "\n".join(lines)


def _sustain_lines(sounds: Any) -> list[str]:
    """Which sounds of a sampler sustain and which decay; nothing where the file doesn't say."""
    if not isinstance(sounds, dict) or not all(isinstance(s, dict) for s in sounds.values()):
        return []
    sustain = [name for name, sound in sounds.items() if sound.get("loops")]
    decay = [name for name in sounds if name not in sustain]
    told = [f"{word}: {', '.join(n)}" for word, n in (("sustain", sustain), ("decay", decay)) if n]
    return ["  " + "; ".join(told)] if told else []


def _map_lines(places: list[dict[str, Any]]) -> list[str]:
    """Where the training sounds lie in the latent space; nothing without a map."""
    if not places:
        return []
    shown = places[:MOST_PLACES]
    width = max(len(printable(place["name"])) for place in shown)
    lines = ["  map, along the first three latent axes:"]
    for place in shown:
        numbers = " ".join(f"{coordinate:9.4g}" for coordinate in place["position"])
        lines.append(f"    {printable(place['name']):{width}} {numbers}")
    if len(places) > len(shown):
        lines.append(f"    and {len(places) - len(shown)} more; --json lists all")
    return lines


def _control_line(control: Control) -> str:
    low, high = min(control.minimum), max(control.maximum)
    size = f"[{control.size}]" if control.size > 1 else ""
    unit = f" {control.unit}" if control.unit else ""
    default = f", default {control.default[0]:g}" if control.size == 1 else ""
    return f"{control.name}{size}  {low:g} … {high:g}{unit}{default}: {control.description}"


def _size(shape: tuple[int, ...]) -> int:
    total = 1
    for dimension in shape:
        total *= abs(dimension)
    return total


def list_everything() -> dict[str, Any]:
    """Audio devices, MIDI inputs and outputs; `problems` says what could not be listed."""
    found: dict[str, Any] = {"audio": [], "midi": [], "midi_out": [], "problems": []}
    try:
        found["audio"] = [d.to_dict() for d in list_devices()]
    except DeviceError as error:
        found["problems"].append(str(error))
    try:
        found["midi"] = list_ports()
        found["midi_out"] = list_ports(direction="output")
    except DeviceError as error:
        found["problems"].append(str(error))
    return found


def format_devices(found: dict[str, Any]) -> str:
    """The lists as text for a terminal.

    Args:
        found: from `list_everything`.
    """
    lines = ["audio devices:"]
    for device in found["audio"]:
        marks = " (default output)" if device["default_output"] else ""
        lines.append(
            f"  {device['index']:3d}  {device['name']} [{device['host']}]"
            f"  {device['inputs']} in, {device['outputs']} out, {device['sample_rate']} Hz,"
            f" {device['output_latency_ms']:.1f} ms{marks}"
        )
    if not found["audio"]:
        lines.append("  none; `synth play --driver null` runs without, `synth render` writes files")
    lines.append("MIDI inputs:")
    lines += [f"  {name}" for name in found["midi"]] or ["  none"]
    lines.append("MIDI outputs:")
    lines += [f"  {name}" for name in found["midi_out"]] or ["  none"]
    return "\n".join(lines + found["problems"])
