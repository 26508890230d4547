"""Files that make sound.

- `rack`: files of all kinds become plugins, and plugins an engine; `bundled`: the instruments that
  come along.
- `onnx/`: instruments that `synth export` wrote; `torchscript/`: nn~ effects and generators.
"""
