"""Orders what is to be forgotten."""
