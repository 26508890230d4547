"""Sound as a plain function of state and due events.

- `engine`: `Engine.render`; `settings`: its settings; `renderer`: the engine as a driver sees it.
- `plugin`: the interface of a sound maker; `strip`: one plugin at the device's rate; `voices`:
  which note sounds in which row.
- `part`, `player`: which notes an instrument plays, and at which level and place.
- `controls`, `glides`, `expression`, `transport`: everything that moves the controls of a strip.
- `signal/`: arithmetic on blocks of samples, up to the last stage before the device.
"""
