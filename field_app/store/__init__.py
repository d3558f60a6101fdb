"""The laptop's only door to its database and its files.

Here live the encrypted rows on disk (`rows`), TinyDB's API on top of them (`tables`), the key
envelope (`keys`) and the data folder with a store for each worker (`vault`). No rule of the domain,
no page and no network belongs here; whoever is above hands in values and gets values back.
"""
