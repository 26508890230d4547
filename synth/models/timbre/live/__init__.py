"""The timbre space as an instrument that musicians play.

- `controls`: what can be moved.
- `anchors`: the latent of a sound at any key, dynamics and time.
- `reader`: partials and noise from the magnitudes of a frame.
- `oscillators`: partials as sound.
- `noise`: noise of a given spectrum.
- `envelope`: attack and release.
- `instrument`: `TimbreInstrument`, all of it together.
"""
