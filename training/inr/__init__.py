"""Training of coordinate networks.

- `config`: its settings; `autoconfig`: values known to suit; `tuner`: omegas found by trying.
- `labels`, `sounds`: what the recordings are called, and how they are brought to one length.
- `batches`: which sounds and which points of them a step learns from.
- `descent`: latents are found by descent; `task`: what is descended; `optimizer`: and how.
- `losses`, `cdpam`, `cdpam_weights`: what is compared; `metrics`, `upsampling`: what is measured;
  `resampling`: what both read sounds with.
- `saturation`: networks that can't learn; `decoding`: whole sounds out of one.
- `review`: what is looked at beside the steps; `evidence`, `pictures`: what it leaves.
- `parts`: all of it for the table of families.
"""
