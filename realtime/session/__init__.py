"""What the command line asks for.

- `session`: `synth play`, shown by `view`; `offline`: `synth render`, of what `score` reads;
  `replay`: the same from a recording's log.
- `bench`: `synth bench`; `doctor`: `synth doctor`; `info`: `synth info` and `synth devices`.
"""
