"""What a session played, kept.

- `tap`: between driver and engine; `recorder`: one file at a time, in the engine's process.
- `writer`: the thread that brings it to disk; `files`: audio files that grow.
- `journal`, `log`: the events of the session, in memory and on disk.
"""
