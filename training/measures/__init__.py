"""Distances, figures and pictures of sounds, of no family in particular.

- `terms`: weighted, named terms of a loss.
- `mel`: multi-scale mel spectrograms; `spectra`: distance of magnitude spectra.
- `metrics`: mel distance and SI-SDR of reconstructions.
- `scale`: errors of sounds beside those of silence and noise.
- `cdpam`, `cdpam_weights`: a perceptual distance learned from listeners; `resampling`: with a
  gradient, which it needs.
- `upsampling`: what lies between the samples of a sound.
- `pictures`: waveforms and spectrograms drawn.
- `torchaudio_loader`: torchaudio, the reference that tests hold the spectra against.
"""
