"""The centre's pure rules: merging, times, workflow, duplicates, statistics.

Plain values in, plain values out. Nothing here knows Flask, a database, a network, a clock or a
file; services read what a rule needs and write what it decided.
"""
