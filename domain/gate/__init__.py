"""Rules that decide whether and when a message may go: pure, one file each."""
