"""What the project measures: `python -m benchmarks.NAME`, from the project's root."""

import sys
from pathlib import Path

# The package `purging` lies in functions/, where the Lambda runtime has its root.
sys.path.insert(0, str(Path(__file__).parent.parent / "functions"))
