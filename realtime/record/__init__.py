"""Records the sound and the events of a session.

- `tap`: sits between driver and engine; `recorder`: records one file at a time, in the engine's
  process; `input_ring`: the last seconds of input.
- `writer`: the thread that writes to disk; `files`: audio files that grow.
- `journal`, `log`: the events of the session, in memory and on disk.
"""
