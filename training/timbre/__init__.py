"""Training of timbre spaces: frames of notes become a space that ratings pull into shape.

- `config`: the settings; `parts`: all that follows, put together.
- `ratings`: how unlike instruments seem to people; `aliases`: an instrument by its other names.
- `scaling`: positions from dissimilarities; `regularisers`: what pulls latents towards ratings;
  `shaping`: all that for a run.
- `measures`: how far a space agrees with ratings; `families`: where it puts an instrument.
- `notes`: instrument, key and dynamics of each note, from a table or its name (`tables`, `names`);
  `dynamics`: their order.
- `frames`: notes as frames of the transform; `arrange`: those that are used.
- `learning`: a step; `monitor`: evaluations.
- `anchors`: notes that a model keeps as trajectories.
"""
