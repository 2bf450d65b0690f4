"""ImageKit: its purge API, its private key, its CDN."""
