"""The engine's process: `engine_process` is its program, `supervisor` keeps it playing, `status` is
how others see it, `recall` remembers the values and notes that a new one must be told.
"""
