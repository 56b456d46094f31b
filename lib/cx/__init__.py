"""CX, privacy-compatible contact tracing: the protocol core, one source for MicroPython and CPython."""
