"""Tests of the centre: the command line."""
