"""Answers the questions of people from the ledger and the settings. Nothing here changes anything."""
