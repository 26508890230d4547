"""A trained timbre space, heard and drawn: what `synth timbre` does.

- `commands`: its subcommands; `figures`: all of them for some models side by side.
- `whole_notes`, `pairs`, `circling`, `topology`, `walking`, `projecting`: what there is to explore.
- `grids`: descriptors over a space, computed once; `labels`: keys and dynamics that are asked for.
- `space`: a model that is opened; `notes`: recordings in it.
- `stage`: frames and sound; `sound`: the phase of frames; `results`: the folder of what was made.
- `pictures`: still and moving.
"""
