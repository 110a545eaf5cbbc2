"""What the service forgets when retention orders it."""
