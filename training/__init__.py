"""The training wing: from a folder of recordings to `model.pt`.

The rooms, from the roof down; an import goes down:

- `report`: trained runs side by side; `explore`: a timbre space, heard and drawn.
- `train`: a run; `planning`: settings and data put together for it; `dry_run`: what it would cost.
- `families`: the table of the families that can be trained.
- `codec`, `samplernn`, `inr`: what trains each family.
- `run`: what every run has, whatever the family; `measures`: distances, figures and pictures.
- `data`: recordings found, decoded and split; published sets of them.

`recipes`, which render the recordings of the bundled instruments, stand apart.

Modules are imported where they are used, not here: the decoding processes need no torch.
"""
