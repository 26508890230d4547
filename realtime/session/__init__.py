"""The work behind the commands that play, render, measure and examine.

- `session`: `synth play`, shown by `view`; `numbers`: those of `/status.reply`; `rack`: the
  addresses of what plays.
- `offline`: `synth render` of the scores that `score` reads; `replay`: `synth render --session`,
  from the log of a recording.
- `bench`: `synth bench`; `doctor`: `synth doctor`; `info`: `synth info` and `synth devices`.
"""
