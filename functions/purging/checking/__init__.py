"""Checks tracked purges, for the state machine TrackPurges."""
