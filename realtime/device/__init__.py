"""The way from the engine to a device that takes its frames.

- `driver`: `Driver`, the thread that renders ahead of a device.
- `sound_card`: a PortAudio device; `null`: a clock in place of one; `listing`: the devices of this
  computer.
- `ledger`: lost frames; `meters`: how long blocks take.
"""
