"""The realtime wing: everything that plays. No torch unless a TorchScript plugin is hosted.

Rooms, from the roof down; an import goes down, never up:
- `session`: playing, rendering, replaying, measuring and examining, as the command line asks for
  them; `clients`: patches and scripts made for an instrument.
- `desk`: learning, maps, snapshots and recordings, asked for in words; `oscquery`: the address
  space over HTTP and WebSockets, and the page; `supervisor`: the engine's process, kept alive.
- `osc`, `midi`: the doors; `device`: what takes the sound; `record`: what keeps it; `plugins`:
  files that make it.
- `engine`: sound as a function of state and due events; `mapping`: what moves what; `process`: a
  child process, the link to it and the clock between.
- `namespace`: events, addresses, values.
- `protocol`: OSC and MIDI bytes to messages and back, without I/O.

A room's `__init__` imports nothing: a child process must not load a whole room.
"""
