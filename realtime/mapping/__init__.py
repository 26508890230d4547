"""Maps: which knob, key, fader or macro moves which control.

- `control_map`: `ControlMap` and its bindings; `file`: maps as YAML.
- `mapper`: a map in use; `learn`: binding by example; `pad`: blending stored points on a plane.
- `relative`: endless encoders.
"""
