"""Who we can send through, as configuration."""
