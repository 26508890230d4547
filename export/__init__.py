"""The export wing: from `model.pt` to files that others can play.

Commands:
- `export_files`: what `synth export` does; `export_model`: with a model; `export_patches`: with
  patches of a voice.
- `generate_audio`: what `synth generate` does.
- `flags`: the flags and help texts of the two.

Families:
- `families`: what each family can be exported as; `row`: the form of its rows.
- `codec/`, `samplernn/`, `inr/`, `timbre/`, `inverse/`: how models of a family become files.

Shared by the families:
- `onnx/`: graphs of instruments. `torchscript/`: modules for nn~.
- `parity`: the proof that a file plays what its model does.
- `manifest`: everything that a file says of itself.
- `checkpoint`: reading `model.pt` and checkpoints, data only.
- `material`: recordings that can be used. `threads`: one thread for small tensors.
- `written`: files on the disk, their names and folder.
"""
