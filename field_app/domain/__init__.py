"""Pure rules of the laptop on plain values: sealing changes, overlaying and reconciling them.

Nothing here knows Flask, a database, the network, a clock or a file; whoever is above hands in
values and gets values back.
"""
