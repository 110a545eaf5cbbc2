"""Chooses the operator of each message."""
