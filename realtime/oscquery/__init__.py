"""OSCQuery: the address space of a session for programs and browsers.

- `service`: `OscQuery`, everything that a session needs; `announcement`: zeroconf.
- `tree`: one node per address, as JSON; `signatures`: arguments of commands.
- `app`, `server`, `bounded_http`, `websocket`: HTTP and WebSockets, within `limits`, for clients
  that `origin` admits; `page/`: the web page with a fader for every control.
"""
