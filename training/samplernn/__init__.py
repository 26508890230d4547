"""Training of the SampleRNN.

- `config`: its settings; `arguments`: those of them that may be edited while it runs.
- `recordings`: too short ones left out, one scale for all; `labels`: their classes.
- `windows`, `shuffle`: which samples a step learns from, read when it comes.
- `steering`: features and classes beside the samples.
- `task`, `fast`: what is descended, and how it is computed.
- `likelihood`, `sounds`, `review`: what is measured and heard beside the steps.
- `parts`: all of it for the table of families.
"""
