"""Closes attempts whose outcome nobody knows: once more, or not at all."""
