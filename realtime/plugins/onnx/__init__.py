"""ONNX instruments: `file` reads and checks one, `plugin` plays it."""
