"""Speed and cost of a message, compared with the engine itself: `make bench`."""
