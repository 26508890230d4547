"""A step of the training of inverse synthesis.

- `task`: both stages; `patches`: losses of head and flow; `vicreg`: the loss of embeddings.
- `gathering`: statistics over all processes; `cached`: large batches in small pieces.
- `average`: the moving average of weights; `optimizer`; `loading`: weights to begin with.
- `teacher`: the flow as the head's; `audibility`: how much each parameter changes sounds.
"""
