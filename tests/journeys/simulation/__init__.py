"""A whole district in one process, by a seed: real laptops, the real centre, all kinds of faults.

Nothing here is slept for or left to chance: ids, clocks, the network and the moments of death come
from the seed, so that a seed that fails once fails again.
"""
