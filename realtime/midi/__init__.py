"""MIDI input and output.

- `decoder`: turns messages into events, with `channel` (the state of a channel) and `clock`
  (tempo and transport).
- `ports`, `port`, `port_process`, `jack`: MIDI ports, each in a process of its own.
- `input`, `output`, `faders`: what is heard, and what motor faders are sent.
- `active_sensing`: senders that are gone; `arrival`: when a message came; `session`: the ports of
  a session.
"""
