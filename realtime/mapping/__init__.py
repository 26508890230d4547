"""What moves what.

- `control_map`: `ControlMap` and its bindings; `file`: maps as YAML.
- `mapper`: a map at work; `learn`: the next binding, by example; `pad`: a plane of stored points.
- `relative`: endless encoders.
"""
