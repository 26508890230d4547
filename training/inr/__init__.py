"""Training of coordinate networks.

- `config`: its settings; `presets`: values known to suit; `tuner`: omegas found by trying.
- `sounds`: the recordings, named and brought to one length.
- `batches`: which sounds and which points of them a step learns from.
- `descent`: latents are found by descent; `task`, `losses`: what is descended; `pieces`: with
  little memory; `optimizer`: how weights go down.
- `saturation`: networks that can't learn; `decoding`: whole sounds out of one.
- `review`: what is looked at beside the steps; `evidence`: what it leaves.
- `parts`: all of it for the table of families.
"""
