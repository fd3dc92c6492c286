"""Domain model and rules of Iris: pure code without database, network or workflow engine."""
