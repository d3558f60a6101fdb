"""What is fast, measured beside its peers in one run; each module runs by itself."""
