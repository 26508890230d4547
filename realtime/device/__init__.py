"""From the engine to something that takes frames.

- `driver`: `Driver`, the thread that renders ahead of a device.
- `sound_card`, `null`: a PortAudio device, and the pace of one; `listing`: which devices there are.
- `ledger`: lost frames; `meters`: how long blocks take.
"""
