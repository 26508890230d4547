"""Published sets of sounds by name: fetched on request, and found again when a run asks for them.

- `catalogue`: the archives there are; `selection`: which of their sounds a name stands for.
- `download`: a file over HTTP, gone on with where it broke off; `archive`: members out of a
  `.tar.gz`, as a stream, and nothing outside their folder.
- `fetch`: all of it in turn; `place`: where sets lie.
"""
