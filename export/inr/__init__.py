"""The coordinate network as instrument files: ONNX and TorchScript."""
