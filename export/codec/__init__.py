"""The codec as instrument files: an effect and a sampler as ONNX, and a module for nn~."""
