"""How fast and how dear a message is, beside what the engine itself can do: `make bench`."""
