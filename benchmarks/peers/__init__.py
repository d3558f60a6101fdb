"""Other programs that take records in, run beside the centre in the same session."""
