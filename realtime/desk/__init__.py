"""What is asked of a playing session in words.

- `desk`: `Desk` answers commands: learn, map, store, recall, record.
- `snapshots`: where all controls stood, on disk; `folders`: where what people make is kept.
"""
