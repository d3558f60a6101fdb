"""Tests: the tree mirrors the code; journeys/ plays both apps together."""
