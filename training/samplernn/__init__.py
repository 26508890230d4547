"""Training of the SampleRNN.

- `config`: its settings; `arguments`: those of them that may be edited while it runs.
- `recordings`: those that are long enough, split, with one scale for all; `labels`: their classes.
- `windows`, `shuffle`: the samples that a step learns from, read when the step comes.
- `steering`: features and classes beside the samples.
- `task`: a step and its loss; `fast`: computed with fewer multiplications.
- `review`, `likelihood`, `sounds`: evaluations beside the steps, and generated audio.
- `parts`: all of it for the table of families.
"""
