"""The centre: receives batches, merges them, and serves the staff's pages."""

__version__ = "0.1.0"
