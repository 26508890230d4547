"""Events, addresses and values: what all rooms above speak in.

- `event`: `Event`, the one kind of message that changes a sound; `glide`: an event that takes time.
- `namespace`: which addresses there are; `elements`: controls and their elements, one number each.
- `values`: the last value of everything; `sources`: what a person moves; `buttons`: what their
  presses and releases mean; `commands`: what is answered in words; `beats`: ranges of tempo and
  song position.
"""
