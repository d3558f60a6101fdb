"""Tests of the centre: services."""
