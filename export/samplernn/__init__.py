"""The SampleRNN as an instrument file, and the audio that it generates by itself.

- `instrument_file`: the generator, as the table of families asks for it.
- `live_graph`: its graph of loops. `proof`: graph and model side by side.
- `prime_bank`: places in recordings that notes start from.
- `tuning_range`: the keys that sound at their own pitch.
- `generate`: audio without notes, for `synth generate`.
"""
