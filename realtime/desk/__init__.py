"""Commands that a playing session answers.

- `desk`: `Desk` answers commands: learn, map, store, recall, record.
- `snapshots`: values of all controls, on disk; `folders`: places of snapshots, maps, recordings.
- `sound_map`: answers with the places of an instrument's training sounds.
"""
