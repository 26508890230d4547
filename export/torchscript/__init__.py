"""TorchScript files: what every family's modules for nn~ have in common.

- `archive`: from a scripted module to the bytes of a `.ts` file, and back.
- `nn_module`: attributes, settings and level changes of a module that nn~ loads.
"""
