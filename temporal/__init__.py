"""Everything that talks to the Temporal service from outside workflows: starting, signalling, reading, task queues."""
