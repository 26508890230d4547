"""The recordings that the bundled instruments learn from, rendered with FluidSynth.

- `codec`, `samplernn`, `inr`, `timbre`: programs, `python -m training.recipes.codec OUT` and so
  on.
- `command`: the command line that they share.
- `soundfont`: scores rendered; `tuning`: how far a note is from its key; `provenance`: told beside
  them how they were made.
- `entropy`: how predictable samples are from their neighbours.

Nothing else in `training` is imported here, and nothing else imports this.
"""
