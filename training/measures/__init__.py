"""Distances, figures and pictures of sounds, of no family in particular.

- `mel`: multi-scale mel spectrograms; `metrics`: held-out figures of reconstructions.
- `scale`: errors of sounds beside those of silence and noise.
- `cdpam`, `cdpam_weights`: a perceptual distance learned from listeners; `resampling`: with a
  gradient, which it needs.
- `upsampling`: what lies between the samples of a sound.
- `pictures`: waveforms and spectrograms drawn.
- `torchaudio_loader`: the one door to torchaudio.
"""
