"""Patches and scripts for other programs, made for one instrument.

- `write`: what `synth clients` does; `surface`: the faders and buttons that a client has.
- `max`, `puredata`, `python`, `supercollider`, `touchdesigner`: one program each.
"""
