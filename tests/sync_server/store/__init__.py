"""Tests of the centre: store."""
