"""A coordinate network as something that plays.

- `instrument`: `INRInstrument`, with its `controls`, the `timbres` over the keyboard and the
  `envelope` of a note.
- `playhead`: where in a sound each sample is read, in whole numbers; `heads`: reading there;
  `lowpass`: against aliases.
- `network`: the decoder in the form that is exported.
"""
