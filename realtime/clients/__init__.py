"""Patches and scripts for other programs, made for one instrument.

- `write`: `synth clients`; `surface`: the faders and buttons of a client.
- `max`, `puredata`, `python`, `supercollider`, `touchdesigner`: one program each.
"""
