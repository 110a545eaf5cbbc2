"""Keeping numbers and texts unreadable to whoever has no business with them."""
