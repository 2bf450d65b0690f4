"""What the project measures: `python -m benchmarks.NAME`, from the project's root."""

import sys
from pathlib import Path

# The package `purging` is in functions/, which is the root of the Lambda runtime.
sys.path.insert(0, str(Path(__file__).parent.parent / "functions"))
