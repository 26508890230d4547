"""Events, addresses and values, the common language of all rooms above.

- `event`: `Event`, the one kind of message that changes a sound; `glide`: an event that takes time.
- `address`: the address of a control; `global_addresses`: those that belong to no plugin; `parts`:
  those of an instrument's part.
- `namespace`: all addresses of a rack; `elements`: the elements of controls, one number each;
  `sounds`: names of sounds.
- `values`: the last value of everything; `sources`: the knobs and keys that a person moves;
  `buttons`: presses and releases; `commands`: requests that are answered; `beats`: ranges of tempo
  and song position.
"""
