"""A process beside this one: `child` starts and watches it, `link` is what the two say to each
other, `clock` tells which sample the engine begins to render at a moment.
"""
