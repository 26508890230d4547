"""An instrument whose sound passes through a subnormal number.

In IEEE arithmetic it is heard; where such numbers are flushed to zero, it is silent.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from synth.contract import METADATA_KEY, Control, Manifest

HOP = 64
LEVEL = 0.1  # of the square wave that a note plays
_WHISPER = 1e-39
_LIFT = np.float32(LEVEL / _WHISPER)
_CONTROLS = (
    Control("gate", per_voice=True, curve="toggle"),
    Control("aloud", 1, (0.0,), (1.0,), (0.0,)),  # adds the same wave, made without such numbers
)
_MANIFEST = Manifest("whisper", "test", "generator", 48_000, HOP, 0, 1, controls=_CONTROLS)
_STEPS = (
    ("Mul", ("gate", "whisper"), "quiet"),
    ("Mul", ("quiet", "lift"), "lifted"),
    ("Mul", ("aloud", "level"), "spoken"),
    ("Add", ("lifted", "spoken"), "size"),
    ("Mul", ("size", "square"), "voice"),
    ("Unsqueeze", ("voice", "first"), "audio_out"),
)


def write_whisper(folder: Path) -> Path:
    """Its file in `folder`."""
    square = np.where(np.arange(HOP) < HOP // 2, 1, -1).astype(np.float32)[None]
    constants = [
        numpy_helper.from_array(np.float32([_WHISPER]), "whisper"),
        numpy_helper.from_array(np.float32([_LIFT]), "lift"),
        numpy_helper.from_array(np.float32([LEVEL]), "level"),
        numpy_helper.from_array(square, "square"),
        numpy_helper.from_array(np.int64([1]), "first"),
    ]
    nodes = [helper.make_node(kind, inputs, [output]) for kind, inputs, output in _STEPS]
    inputs = [helper.make_tensor_value_info("frames", TensorProto.INT64, [1])]
    inputs += [
        helper.make_tensor_value_info(c.name, TensorProto.FLOAT, ["voices", 1]) for c in _CONTROLS
    ]
    output = helper.make_tensor_value_info("audio_out", TensorProto.FLOAT, ["voices", 1, HOP])
    graph = helper.make_graph(nodes, "whisper", inputs, [output], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {METADATA_KEY: _MANIFEST.to_json()})
    path = folder / "whisper.onnx"
    onnx.save(model, str(path))
    return path
