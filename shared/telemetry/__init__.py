"""Logs and metrics that never carry a number or a text."""
