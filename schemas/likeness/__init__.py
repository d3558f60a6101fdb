"""How alike two records are, and why in words: people, households, rooms and shops.

One rule for both sides: the laptop warns by it while something is entered, the centre searches
everything by it. Pure: plain values in, a score and its reasons out.
"""
