"""A step of training.

- `batches`: the frames of a step; `loading`: the weights that a regularised phase begins from.
- `losses`: densities and divergences; `task`: a step as it reads; `fast`: as a CPU does it quickly.
"""
