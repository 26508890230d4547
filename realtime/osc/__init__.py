"""The OSC server.

- `server`: UDP and TCP ports and their thread; `sockets`, `tcp`: their sockets and connections.
- `dispatch`: acts on packets; `builtins`: the server's own commands.
- `listeners`: notified clients and streams; `held`: keys and pedals that clients hold down.
- `timekeeper`: times of bundles, with `foreign_clocks`.
- `refusals`: recent refusals and their reasons; `dump`: prints received packets.
"""
