"""The centre: receives batches, merges them, and serves the staff's pages."""
