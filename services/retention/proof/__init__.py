"""Collects the answers of the owners of data, and keeps the proof."""
