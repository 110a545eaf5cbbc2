"""Keeps what waits for a person or for its time, and lets it go."""
