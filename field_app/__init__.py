"""The laptop: one process on 127.0.0.1 with one encrypted store per worker."""

__version__ = "0.1.0"
