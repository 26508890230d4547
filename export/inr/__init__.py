"""The coordinate network as instrument files.

- `instrument_file`: the generator, as the table of families asks for it.
- `torchscript`: the `.ts` file, its module and its proof.
"""
