"""Attempts whose outcome nobody knows, until somebody closes them."""
