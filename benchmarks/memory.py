"""The memory of this process."""

import resource
import sys


def peak_megabytes() -> float:
    """The most memory that this process ever had. Linux counts in kibibytes, macOS in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
