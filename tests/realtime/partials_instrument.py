"""An instrument with a bank of patches, whose voice is a sine and its third partial, and a matching
model for it.

Made by hand from ONNX operators: what a match finds can be compared with what was played. The model
hears nothing: it proposes any level of the third partial, and only the judge can tell which fits.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from synth.contract import (
    MATCHER_KEY,
    METADATA_KEY,
    BankPatch,
    Control,
    Manifest,
    MatcherManifest,
    TensorSpec,
)

RATE, HOP = 48_000, 64
KEY = 57.0  # that the model hears: 220 Hz
SECONDS = 1.0  # that it hears at most
LEVEL = 0.2
CONTROLS = (
    Control("gate", per_voice=True, curve="toggle", role="gate"),
    Control("key", 1, (0.0,), (127.0,), (60.0,), "key", per_voice=True, role="key"),
    Control("sound", curve="integer", role="sound"),
    Control("third", description="level of the third partial beside the first"),
    Control("tuning", 1, (-24.0,), (24.0,), (0.0,), "semitones"),
)
NAMES = ("third", "keyboard_midi_f0", "tuning", "keyboard_duration")
MANIFEST = Manifest(
    "partials", "inverse", "generator", RATE, HOP, 0, 1,
    controls=CONTROLS, state=(TensorSpec("phase", (1,)),), sounds=("Pure", "Rich"),
    patches=(
        BankPatch("Pure", {"third": (0.0,), "tuning": (0.0,)}),
        BankPatch("Rich", {"third": (0.5,), "tuning": (0.0,)}),
    ),
)  # fmt: skip
_STEPS = (
    ("Mul", ("frames", "hop"), "count"),
    ("Squeeze", ("count", "none"), "end"),
    ("Range", ("zero", "end", "one"), "places"),
    ("Cast", ("places",), "floats"),
    ("Add", ("floats", "unit"), "passed"),
    ("Add", ("key", "tuning"), "pitch"),
    ("Sub", ("pitch", "a4"), "above"),
    ("Div", ("above", "twelve"), "octaves"),
    ("Pow", ("two", "octaves"), "ratio"),
    ("Mul", ("ratio", "turns"), "step"),  # turns a sample
    ("Mul", ("step", "passed"), "ahead"),
    ("Add", ("phase", "ahead"), "phases"),
    ("Mul", ("phases", "circle"), "angles"),
    ("Sin", ("angles",), "first"),
    ("Mul", ("angles", "three"), "thrice"),
    ("Sin", ("thrice",), "overtone"),
    ("Mul", ("overtone", "third"), "shared"),
    ("Add", ("first", "shared"), "wave"),
    ("Mul", ("gate", "level"), "gain"),
    ("Mul", ("wave", "gain"), "voice"),
    ("Unsqueeze", ("voice", "axis"), "audio_out"),
    ("Slice", ("phases", "minus", "most", "axis"), "last"),
    ("Floor", ("last",), "whole"),
    ("Sub", ("last", "whole"), "phase_out"),
)
_NUMBERS = {
    "a4": 69.0, "twelve": 12.0, "two": 2.0, "turns": 440.0 / RATE, "circle": 2 * np.pi,
    "three": 3.0, "unit": 1.0, "level": LEVEL,
}  # fmt: skip
_INTEGERS = {"hop": [HOP], "none": [0], "axis": [1], "minus": [-1], "most": [1 << 62]}


def write_partials(folder: Path, **changes: object) -> Path:
    """Its file in `folder`; `changes` are of the manifest's fields."""
    from dataclasses import replace

    manifest = replace(MANIFEST, **changes)  # type: ignore[arg-type]
    constants = [numpy_helper.from_array(np.float32([v]), k) for k, v in _NUMBERS.items()]
    constants += [numpy_helper.from_array(np.int64(v), k) for k, v in _INTEGERS.items()]
    constants += [numpy_helper.from_array(np.int64(v), k) for k, v in (("zero", 0), ("one", 1))]
    nodes = [
        helper.make_node(kind, inputs, [output], **({"to": 1} if kind == "Cast" else {}))
        for kind, inputs, output in _STEPS
    ]
    inputs = [helper.make_tensor_value_info("frames", TensorProto.INT64, [1])]
    inputs += [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["voices", 1])
        for name in (*(c.name for c in CONTROLS), "phase")
    ]
    outputs = [
        helper.make_tensor_value_info("audio_out", TensorProto.FLOAT, ["voices", 1, "samples"]),
        helper.make_tensor_value_info("phase_out", TensorProto.FLOAT, ["voices", 1]),
    ]
    graph = helper.make_graph(nodes, "partials", inputs, outputs, constants)
    return _save(graph, folder / f"{manifest.name}.onnx", METADATA_KEY, manifest.to_json())


def write_matcher(folder: Path, name: str = "matcher", **changes: object) -> Path:
    """The file of a matching model in `folder`; `changes` are of its manifest's fields."""
    fields = {
        "voice": "partials", "names": NAMES, "key": NAMES[1], "duration": NAMES[3],
        "sample_rate": 16_000, "samples": round(16_000 * SECONDS),
    }  # fmt: skip
    manifest = MatcherManifest(**{**fields, **changes})  # type: ignore[arg-type]
    # Any third partial, at the key that it hears, in tune and held for all the time.
    scale, base = np.float32([1, 0, 0, 0]), np.float32([0, KEY, 0, SECONDS])
    constants = [
        numpy_helper.from_array(scale, "scale"),
        numpy_helper.from_array(base, "base"),
        numpy_helper.from_array(np.float32([[KEY, 1.0, SECONDS]]), "told"),
        numpy_helper.from_array(np.float32([0.0]), "nothing"),
    ]
    nodes = [
        helper.make_node("Sigmoid", ["noise"], ["any"]),
        helper.make_node("Mul", ["any", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "base"], ["values"]),
        helper.make_node("ReduceMean", ["audio"], ["mean"]),
        helper.make_node("Mul", ["mean", "nothing"], ["zero"]),
        helper.make_node("Add", ["told", "zero"], ["heard"]),
    ]
    inputs = [
        helper.make_tensor_value_info("audio", TensorProto.FLOAT, [1, manifest.samples]),
        helper.make_tensor_value_info("noise", TensorProto.FLOAT, ["patches", len(NAMES)]),
    ]
    outputs = [
        helper.make_tensor_value_info("values", TensorProto.FLOAT, ["patches", len(NAMES)]),
        helper.make_tensor_value_info("heard", TensorProto.FLOAT, [1, 3]),
    ]
    graph = helper.make_graph(nodes, "matcher", inputs, outputs, constants)
    return _save(graph, folder / f"{name}.onnx", MATCHER_KEY, manifest.to_json())


def partials(
    third: float, seconds: float = SECONDS, rate: int = RATE, key: float = KEY
) -> np.ndarray:
    """What the instrument plays, `[samples]`."""
    turn = 440 * 2 ** ((key - 69) / 12) * np.arange(1, round(seconds * RATE) + 1) / RATE
    wave = np.sin(2 * np.pi * turn) + third * np.sin(6 * np.pi * turn)
    return (LEVEL * wave).astype(np.float32)


def _save(graph: onnx.GraphProto, path: Path, key: str, manifest: str) -> Path:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {key: manifest})
    onnx.save(model, str(path))
    return path
