"""The training wing: from a folder of recordings to `model.pt`.

Of every run, whatever the family:
- `config`: `TrainConfig`, the settings that every run has.
- `families`: the table of the families; `family`: what trains one.
- `decode`, `library`: audio files decoded by separate processes into a cache, judged and listed.
- `plan`, `setup`: settings and data put together.
- `task`: a model with its losses and optimiser as a Lightning module; `schedules`: its rates.
- `review`: what a family looks at beside the steps.
- `files`, `checkpoint`: files that are whole or absent, and what a run needs to go on exactly.
- `progress`, `pictures`, `keeper`, `stopping`: what happens beside the steps.
- `folder`, `run`, `dry_run`: where a run is kept; the run; what it would be.

Of the families:
- `samplernn`: all of the SampleRNN's.
- `codec`: settings, task and review of the codec, from the modules that follow.
- `crops`: batches of crops as a function of seed and step alone.
- `mel`, `losses`, `metrics`: what is compared, and how.
- `fast`, `fused`: the codec in the memory layout that suits a CPU.
- `evaluation`, `latents`: held-out figures; statistics of the latent space, for the export.

Of the recordings that bundled instruments are trained on:
- `soundfont`, `recipe`, `recipe_samplernn`, `recipe_inr`, `provenance`, `entropy`: rendered,
  described, judged.
- `datasets`: published sets, fetched by name.

Of runs:
- `report`, `report_text`: what trained coordinate networks are worth, side by side.
- `wandb_logger`: Weights & Biases beside TensorBoard.

`torchaudio_room` is the one door to torchaudio.

Modules are imported where they are used, not here: the decoding processes need no torch.
"""
