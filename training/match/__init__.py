"""Matching: from a sound to the patch of a voice that makes it.

- `matching`: the whole of `synth match`: targets, search, what is written.
- `target`: a sound to be matched, as it is read; `polyphony`: whether it holds several pitches.
- `search`: one target: first patches, then better ones, within a budget of time.
- `proposing`: patches by a trained model; `candidates`: patches by lot, set to key and length.
- `judging`: renders patches and orders them by one distance.
- `refining`: patches improved by gradient, under one of the `losses`; `evolving`: by crossing them,
  and by CMA-ES.
- `distances`: how far sounds and patches are apart; `spectra`: what these are taken of.
- `results`, `page`, `pictures`: files, the page side by side, its spectrograms.
- `retrieval`: the nearest of many random patches, and its curve.
"""
