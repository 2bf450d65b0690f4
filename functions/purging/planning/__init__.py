"""Decides which purges to make. Pure: no AWS, no HTTP, no ledger."""
