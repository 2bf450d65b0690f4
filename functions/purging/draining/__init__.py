"""Drains the ledger: pending changes become accepted purges."""
