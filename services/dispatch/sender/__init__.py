"""Hands parts of messages to an operator, each at most once per intent on record."""
