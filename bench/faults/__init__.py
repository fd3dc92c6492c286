"""The fault harness: interactions through the real product while its parts are killed, paused, slowed and garbled.

`python -m bench.faults --help`. Afterwards the books are compared: what callers were told, MongoDB, the workflows'
histories, and the gateway's own ledger.
"""
