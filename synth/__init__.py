"""synth: recordings become neural instruments that are played live.

Map of the package, from the ground up (each floor imports only from those below it):

- `synth.contract` -- what all agree on: controls, manifests, errors, audio files (numpy, no torch).
- `synth.nn`, `synth.dsp` -- streaming layers and signal processing (torch).
- `synth.models` -- the model families (torch).
- `training`, `export`, `realtime` -- the three wings, beside this package, apart from each other.
- `synth.cli` -- the `synth` command.
"""

__version__ = "0.1.0"
