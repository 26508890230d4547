"""Bytes to messages and back, without I/O.

- `midi_parser`: MIDI from a wire; `midi_file`: Standard MIDI Files.
- `osc_decode`, `osc_encode`: OSC packets; `osc_framing`: packets in a stream; `osc_pattern`:
  addresses with wildcards.
"""
