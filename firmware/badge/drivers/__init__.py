"""Hardware drivers: they take Pin or stream objects, never pin numbers."""
