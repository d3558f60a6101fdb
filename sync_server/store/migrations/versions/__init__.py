"""One module per step; a step is never changed once released."""
