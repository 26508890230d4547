"""Recordings: found, decoded, judged, split.

- `library`: all recordings of a run, decoded into a cache by processes that may crash.
- `decode`: one file; also the program of a decoding process. `decoders`: those processes.
- `identity`: files known by what is in them.
- `notes`: instrument and key of a recorded note.
- `datasets`: published sets of sounds, fetched by name.

The decoding processes load no torch; only `notes`, which listens for a pitch, does.
"""
