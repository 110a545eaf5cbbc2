"""Makes signals of counts: what is unusual about an account's traffic."""
