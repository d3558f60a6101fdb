"""Tests of what the benchmarks are made of; the benchmarks themselves are run by make."""
