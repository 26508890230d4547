"""Notes as frames of the transform.

- `note`: where a note begins and ends in its recording.
- `analysis`: frames of a note at given times, kept in the cache.
- `table`: all frames of some notes, scaled, in memory.
"""
