"""The OSC door.

- `server`: UDP and TCP ports and their thread; `sockets`, `tcp`: what they are made of.
- `dispatch`: what a packet does; `builtins`: what the server itself is asked for.
- `listeners`: who is notified and of what; `held`: what clients hold down until they are gone.
- `timekeeper`: when bundles take effect, with `foreign_clocks`.
- `refusals`: what was refused and why; `dump`: what comes in, printed.
"""
