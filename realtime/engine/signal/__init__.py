"""Arithmetic on blocks of samples, the same however a signal is cut into blocks.

- `mixer`: the sum of voices, each from the sample it began at; `dc_block`: takes constants out.
- `ramp`: a gain that glides; `resampler`: between two sample rates.
- `guard`: the last stage before the device; `flush_to_zero`: subnormal numbers, while it renders.
"""
