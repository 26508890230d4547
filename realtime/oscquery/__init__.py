"""The address space for programs and people who look for it.

- `service`: `OscQuery`, all of it for a session; `announcement`: zeroconf.
- `tree`: one node per address, as JSON; `signatures`: what commands take.
- `app`, `server`, `bounded_http`, `websocket`: HTTP and WebSockets, within `limits`, for those whom
  `origin` lets in; `page/`: the page with a fader for every control.
"""
