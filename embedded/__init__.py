"""The whole product on one machine without Docker: real servers as child processes (`docs/decisions/0002`)."""
