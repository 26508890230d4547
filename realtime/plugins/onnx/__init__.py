"""ONNX instruments: `file` opens and judges one, `plugin` plays it."""
