"""Tests of the centre: web."""
