"""Decides which requests become messages."""
