"""Timbre spaces as instrument files.

- `instrument_file`: ONNX.
- `compact`: the same in less room.
"""
