"""ONNX files.

- `instrument_graph`: from an instrument to a proved file.
- `subgraph`: graphs with loops, put together from traced functions.
- `shared_tables`: equal tables stand in a graph once.
- `int8`: weights as integers; `half_precision`: weights in half precision; `edits`: changes of what
  was traced.
- `tracing`: torch functions become graphs.
"""
