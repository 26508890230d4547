"""Training of coordinate networks.

- `config`: its settings; `idle`: those that change nothing; `presets`: values known to suit;
  `tuner`: omegas found by trying.
- `sounds`: the recordings, named and brought to one length.
- `batches`: the sounds, and the points of them, that a step learns from.
- `task`: a step; `losses`: its loss; `pieces`: squared error with little memory; `descent`: latents
  found by descent; `optimizer`: optimisers and their schedules.
- `saturation`: networks that can't learn; `decoding`: whole sounds out of a network.
- `review`: evaluations beside the steps; `evidence`: the files that they leave.
- `parts`: all of it for the table of families.
"""
