"""The commands of `iris`, one module for each kind of work."""
