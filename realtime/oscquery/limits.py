"""Limits of the OSCQuery port, for each client and for all of them together."""

MAX_CONNECTIONS = 64  # HTTP and WebSocket together
MAX_HEADERS = 16_384  # bytes of a request
REQUEST_S = 10.0  # a connection without a whole request is closed after this time
