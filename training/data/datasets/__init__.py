"""Published sets of sounds by name: fetched on request, and found again when a run asks for them.

- `catalogue`: the archives that are known; `selection`: the sounds of them that a name stands for.
- `download`: a file over HTTP, resumed where it broke off; `archive`: members extracted from a
  `.tar.gz` as a stream, and none outside their folder.
- `fetch`: all of these steps in order; `place`: the folders of the sets.
"""
