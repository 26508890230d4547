"""Child processes: `child` starts and watches one, `link` is the protocol between the two, `clock`
maps the computer's clock to the engine's samples.
"""
