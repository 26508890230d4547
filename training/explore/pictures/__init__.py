"""Pictures of a space, still and moving.

- `drawing`: colours, axes in Hz and dB, spectrograms, and the space seen from two sides.
- `scenery`: the notes that are kept in a model, as what lies in its space.
- `films`: a point on its way beside its spectrum, and slices of a grid.
- `animation`: moving pictures as MP4 or GIF.
"""
