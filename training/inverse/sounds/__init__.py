"""The sounds that are learned: numbered sounds of the voice, rendered ahead and kept at hand.

- `rendering`: numbers become sounds with what was heard in them; `stock`: those at hand, and the
  batches drawn from them.
"""
