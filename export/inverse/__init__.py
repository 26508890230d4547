"""Voices as instrument files.

- `instrument_file`: a voice and a bank of its patches, as ONNX.
- `bank`: the patches that come with synth.
"""
