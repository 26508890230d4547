"""The training wing: from a folder of recordings to `model.pt`.

- `config`: `TrainConfig`, every setting of a run beside its meaning.
- `decode`, `library`: audio files decoded by separate processes into a cache, judged and listed.
- `crops`: batches of crops as a function of seed and step alone.
- `mel`, `losses`, `metrics`: what is compared, and how.
- `fast`, `fused`: the codec in the memory layout that suits a CPU.
- `task`: a family's model, losses and optimiser as a Lightning module.
- `files`, `checkpoint`: files that are whole or absent, and what a run needs to go on exactly.
- `latents`: statistics of the latent space, for the export.
- `evaluation`, `progress`, `keeper`, `stopping`: what happens beside the steps.
- `setup`, `folder`, `run`, `dry_run`: settings and data put together; where a run is kept; the run;
  what it would be.
- `soundfont`, `recipe`: the recordings that the bundled instrument is trained on.
- `torchaudio_room`: the one door to torchaudio.

Modules are imported where they are used, not here: the decoding processes need no torch.
"""
