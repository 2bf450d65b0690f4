"""Prices a month of this application in AWS, beside a design that makes one call for each event."""
