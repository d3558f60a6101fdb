"""Plays the centre and a laptop together on one machine."""
