"""Training of inverse synthesis: networks learn which patch made a sound. They need no recordings.

- `config`: the settings; `parts`: all that follows, put together.
- `sounds`: numbered sounds of the voice, rendered ahead.
- `learning`: a step of either stage; `monitor`: evaluations.
"""
