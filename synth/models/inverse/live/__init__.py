"""A voice as an instrument that musicians play.

- `controls`: what can be moved; `morph`: the controls' values on the way to another patch.
- `instrument`: `VoiceInstrument`, all of it together.
"""
