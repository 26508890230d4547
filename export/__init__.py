"""The export wing: from `model.pt` to files that others can play.

- `checkpoint`: reading `model.pt` and checkpoints, data only.
- `generate`: audio out of a SampleRNN: what `synth generate` does.
- `bank`: a folder of recordings becomes the bank of a sampler.
- `graph`: an instrument as ONNX, with manifest and proof.
- `torchscript`: the codec as a file for nn~.
- `chain`: what `synth export` does.
"""
