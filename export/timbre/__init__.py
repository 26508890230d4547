"""Timbre spaces as instrument files.

- `instrument_file`: ONNX.
- `made_waves`: tables of waves that the runtime makes itself, in less room.
"""
