"""Sound as a plain function of state and due events.

- `engine`: `Engine.render`; `settings`: its settings; `renderer`: the engine as a driver sees it.
- `plugin`: the interface of a sound maker; `strip`: one plugin at the device's rate; `voices`:
  which note sounds in which row; `mixer`: the sum of the voices.
- `part`, `player`: which notes an instrument plays, and at which level and place.
- `controls`, `glides`, `expression`, `transport`: everything that moves the controls of a strip.
- `resampler`: between two sample rates; `dc_block`, `ramp`: filters and gains; `guard`: the last
  stage before the device.
"""
