"""The words and rules of Iris, pure: no database, no network, no workflow engine."""
