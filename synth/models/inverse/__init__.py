"""Inverse synthesis: from a sound to the patch of a synthesizer that makes it."""
