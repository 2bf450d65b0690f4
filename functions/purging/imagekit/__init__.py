"""ImageKit: its purge API, its private key and its CDN."""
