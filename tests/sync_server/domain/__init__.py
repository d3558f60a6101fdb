"""Tests of the centre: domain."""
