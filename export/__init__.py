"""The export wing: from `model.pt` to files that others can play.

- `checkpoint`: reading `model.pt` and checkpoints, data only.
- `codec/`, `samplernn/`, `inr/`: how each family becomes files.
- `onnx/`: an instrument as ONNX, with manifest and proof.
- `export_model`: what `synth export` does.
"""
