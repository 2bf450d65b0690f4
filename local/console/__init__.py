"""The console: one page that shows an embedded stack at work. `make console` serves it."""
