"""The engine's process: `engine_process` is its program, `supervisor` keeps it playing, `recall`
knows what a new one must be told.
"""
