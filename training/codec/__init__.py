"""Training of the codec.

- `config`: its settings.
- `crops`: batches of crops as a function of seed and step alone.
- `task`, `losses`: a step and its loss; `fast`, `fused`: in the memory layout that suits a CPU.
- `review`, `evaluation`: held-out figures, audio and pictures.
- `latent_statistics`: of the latent space, for the export.
- `parts`: all of it for the table of families.
"""
