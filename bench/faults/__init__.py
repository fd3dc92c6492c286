"""Fault tests: interactions through the real product while its processes are killed, paused, slowed and sent garbage.

`python -m bench.faults --help`. Afterwards the observations are compared: the callers' responses, MongoDB, the
workflows' histories, and the gateway's own ledger.
"""
