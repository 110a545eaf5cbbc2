"""Access to the stores: MongoDB now, Valkey when something counts."""
