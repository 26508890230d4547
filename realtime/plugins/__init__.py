"""Files that make sound.

- `rack`: makes plugins of files of all kinds, and an engine of plugins; `bundled`: the instruments
  that come with synth.
- `manifest`: what a file says of itself; `osc_name`: a plugin's name in addresses.
- `onnx/`: instruments that `synth export` wrote; `torchscript/`: nn~ effects and generators.
"""
