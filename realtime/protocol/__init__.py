"""Bytes to messages and back, without I/O: `midi_parser`, and of OSC `osc_decode`, `osc_encode`,
`osc_framing` (packets in a stream) and `osc_pattern` (addresses with wildcards).
"""
