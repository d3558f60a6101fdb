"""Tests of the demo world's rules."""
