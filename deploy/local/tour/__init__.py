"""The tour of a running system: what it does, shown step by step from outside, through the doors that users have."""
