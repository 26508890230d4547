"""Live matching: from the last seconds of input to a patch of the instrument that plays.

- `matcher`: the commands `/match…`, in the control process.
- `matcher_process`: the program of a process of its own, which does the work: `matching` is its way
  from a file to a patch, `choice` finds the matching model for an instrument.
- `target`: the sound as it is heard; `proposals`: patches from the matching model; `rendering`:
  their sound; `distance`: how far that is from the target.
"""
