"""What several voices are made of: functions on tensors, without state.

- `edges`: a square whose edges are as steep as aliases allow; `sidebands`: how far a frequency may
  be modulated; `bands`: noise in octaves; `lfo`: the shapes of an LFO.
"""
