"""An instrument whose every voice is a sine of exactly the pitch and loudness that it is told.

Made by hand from ONNX operators: what is heard is what the player's messages meant.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from synth.contract import METADATA_KEY, Control, Manifest, TensorSpec

RATE, HOP = 48_000, 64
LEVEL = 0.1  # of a voice without pressure; full pressure doubles it
CONTROLS = (
    Control("gate", per_voice=True, curve="toggle", role="gate"),
    Control("key", 1, (0.0,), (127.0,), (60.0,), "key", per_voice=True, role="key"),
    Control("bend", 1, (-96.0,), (96.0,), (0.0,), "semitones", per_voice=True, role="bend"),
    Control("pressure", per_voice=True, role="pressure"),
)
MANIFEST = Manifest(
    "sine", "test", "generator", RATE, HOP, 0, 1,
    controls=CONTROLS, state=(TensorSpec("phase", (1,)),),
)  # fmt: skip
_STEPS = (
    ("Add", ("key", "bend"), "pitch"),
    ("Sub", ("pitch", "a4"), "above"),
    ("Div", ("above", "twelve"), "octaves"),
    ("Pow", ("two", "octaves"), "ratio"),
    ("Mul", ("ratio", "turns"), "step"),  # turns a sample
    ("Mul", ("step", "ramp"), "ahead"),
    ("Add", ("phase", "ahead"), "phases"),
    ("Mul", ("phases", "circle"), "angles"),
    ("Sin", ("angles",), "wave"),
    ("Mul", ("pressure", "level"), "pressed"),
    ("Add", ("pressed", "level"), "loud"),
    ("Mul", ("loud", "gate"), "gain"),
    ("Mul", ("wave", "gain"), "voice"),
    ("Unsqueeze", ("voice", "first"), "audio_out"),
    ("Gather", ("phases", "last"), "end"),
    ("Floor", ("end",), "whole"),
    ("Sub", ("end", "whole"), "phase_out"),
)
_NUMBERS = {
    "a4": 69.0, "twelve": 12.0, "two": 2.0, "turns": 440.0 / RATE, "circle": 2 * np.pi,
    "level": LEVEL,
}  # fmt: skip


def write_sine(folder: Path, name: str = "sine") -> Path:
    """Its file in `folder`."""
    constants = [numpy_helper.from_array(np.float32([v]), k) for k, v in _NUMBERS.items()]
    ramp = np.arange(1, HOP + 1, dtype=np.float32)[None]
    constants += [
        numpy_helper.from_array(ramp, "ramp"),
        numpy_helper.from_array(np.int64([1]), "first"),
        numpy_helper.from_array(np.int64([HOP - 1]), "last"),
    ]
    nodes = [
        helper.make_node(kind, inputs, [output], **({"axis": 1} if kind == "Gather" else {}))
        for kind, inputs, output in _STEPS
    ]
    inputs = [helper.make_tensor_value_info("frames", TensorProto.INT64, [1])]
    inputs += [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["voices", 1])
        for name in (*(c.name for c in CONTROLS), "phase")
    ]
    outputs = [
        helper.make_tensor_value_info("audio_out", TensorProto.FLOAT, ["voices", 1, HOP]),
        helper.make_tensor_value_info("phase_out", TensorProto.FLOAT, ["voices", 1]),
    ]
    graph = helper.make_graph(nodes, "sine", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {METADATA_KEY: replace(MANIFEST, name=name).to_json()})
    path = folder / "sine.onnx"
    onnx.save(model, str(path))
    return path
