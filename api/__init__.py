"""How the world speaks to Iris: HTTP in, the specification's envelope out."""
