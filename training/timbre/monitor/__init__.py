"""Evaluations of a timbre space while it is trained.

- `evaluation`: figures on held-out notes; `pictures`: reconstructions, the space, its statistics.
- `review`: both, and the anchors that a finished model keeps.
"""
