"""Tests of the rules for registers in spreadsheets."""
