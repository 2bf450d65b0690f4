"""Commands for a real AWS account: ``python -m ops COMMAND``; ``--help`` lists them.

They use the ordinary AWS credentials. From `local` they import only `errors`, `interruption` and `terminal`,
which do not use the embedded stack. `local` imports nothing from here.
"""
