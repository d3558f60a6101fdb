"""Tests of the demo, as a person starts it, and of how it reads pages."""
