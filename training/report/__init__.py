"""Trained runs side by side.

- `comparison`: their sounds compared with the recordings; `text`: the tables.
"""
