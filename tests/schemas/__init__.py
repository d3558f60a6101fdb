"""Tests of the shared contract."""
