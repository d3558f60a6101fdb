"""What must not lose anything, treated as badly as disks, power and networks can treat it.

``python -m tests.torture`` runs it at any scale; ``docs/torture.md`` says what is tested and how.
"""
