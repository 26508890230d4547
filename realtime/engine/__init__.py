"""Sound as a plain function of state and due events.

- `engine`: `Engine.render`; `settings`: its settings; `renderer`: the engine as a driver sees it.
- `plugin`: the interface of what makes sound; `strip`: one plugin at the device's rate; `voices`:
  which note sounds in which row.
- `controls`, `glides`, `expression`, `transport`: what moves the controls of a strip.
- `resampler`: between two sample rates; `guard`: the last stage before the device.
"""
