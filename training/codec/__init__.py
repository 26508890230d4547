"""Training of the codec.

- `config`: its settings.
- `task`: what is descended, and how fast.
- `review`: what is measured and heard beside the steps.
- `parts`: all of it for the table of families.
"""
