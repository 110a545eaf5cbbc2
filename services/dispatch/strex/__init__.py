"""Charges subscribers through Strex: asked at most once per transaction, and looked at until it is settled."""
