"""The codec as instrument files.

- `instrument_file`: the effect and the sampler, as the table of families asks for them.
- `sound_bank`: a folder of recordings becomes the bank of the sampler.
- `pitch_deviation`: how far a recording is from the pitch that its name says.
- `torchscript`: the `.ts` file and its proof. `nn_tilde`: the module in it.
"""
