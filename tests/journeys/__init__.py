"""Journeys: both programs together, as people use them, with whatever goes wrong on the way."""
