"""MIDI input and output.

- `decoder`: turns messages into events, with `channel` (the state of a channel) and `clock`
  (tempo and transport).
- `ports`, `port`, `port_process`, `jack`: MIDI ports, each in a process of its own.
- `input`: messages from a port; `output`, `faders`: messages to motor faders.
- `arrival`: the time of a message; `session`: the ports of a session.
"""
