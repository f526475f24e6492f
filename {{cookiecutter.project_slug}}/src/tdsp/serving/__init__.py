"""Serving on this machine: the server, talking to it, and trying it."""
