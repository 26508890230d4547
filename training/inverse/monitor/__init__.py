"""Evaluations of inverse synthesis while it is trained.

- `evaluation`: figures on held-out sounds; `review`: when, and what is written beside them;
  `pictures`: spectrograms side by side.
"""
