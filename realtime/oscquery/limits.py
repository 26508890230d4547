"""How much one client of the OSCQuery port, and all of them together, may ask for."""

MAX_CONNECTIONS = 64  # HTTP and WebSocket together
MAX_HEADERS = 16_384  # bytes of a request
REQUEST_S = 10.0  # a connection without a whole request is closed after this time
