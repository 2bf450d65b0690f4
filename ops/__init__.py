"""Commands for a real AWS account: ``python -m ops connect | backfill | redrive``.

They use the ordinary AWS credentials. Of `local` they import `errors`, `interruption` and `terminal`, which
know nothing of the embedded stack. `local` imports nothing from here.
"""
