"""The parts of every training run, whatever the family.

- `config`: `TrainConfig`, the settings of a run; `plan`: all that is decided before it begins.
- `family`: what a family provides to be trained; `task`: its steps, as a Lightning module;
  `review`: its evaluations beside the steps; `schedules`: learning rates.
- `folder`, `files`, `checkpoint`: where a run is kept, and what it needs to go on exactly.
- `measuring`: the time of a step, for a run that is only described.
- `trainer`: a task and its batches handed to Lightning.
- `keeper`, `progress`, `stopping`: what happens beside the steps; `wandb_logger`: Weights & Biases
  beside TensorBoard.
"""
