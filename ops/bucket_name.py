"""The rule for names of buckets on the command line."""

import argparse
import re

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
# Older buckets may have up to 255 characters, with capitals and underscores.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")


def bucket_name(text: str) -> str:
    """Return the text if it can name a bucket. Raises argparse.ArgumentTypeError with the remedy."""
    if not _NAME.fullmatch(text) or ".." in text:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no name of a bucket: write its name alone, e.g. my-bucket: no s3://, no folder"
        )
    return text
