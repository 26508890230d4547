"""ONNX files of any instrument: the graph of a step, graphs with loops, integer weights."""
