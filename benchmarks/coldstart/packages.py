"""The packages that are measured: the built one, and those of the yardsticks."""

import compileall
import shutil
import zipfile
from importlib.util import find_spec
from pathlib import Path

from local import sam
from local.errors import LocalError
from local.watchdog import Watchdog
from local.workspace import Workspace

_YARDSTICKS = Path(__file__).with_name("yardsticks")
# What Lambda's runtime brings, and what of the peer-shaped handler's package comes with requests.
_RUNTIME = ("awslambdaric", "boto3", "botocore", "dateutil", "jmespath", "s3transfer", "simplejson")
_REQUESTS = ("requests", "urllib3", "certifi", "charset_normalizer", "idna")


def built(workspace: Workspace, watchdog: Watchdog) -> Path:
    """Build the functions if they are not up to date. Returns the folder of their code. Raises LocalError."""
    with sam.building():
        if not sam.built():
            sam.build(workspace, watchdog)
    return sam.package()


def empty(folder: Path) -> Path:
    """Make the package of the empty handler in a folder."""
    folder.mkdir()
    shutil.copy(_YARDSTICKS / "empty.py", folder)
    return folder


def peer(folder: Path, ours: Path) -> Path:
    """Make the package of the peer-shaped handler in a folder, with the same requests as in ours."""
    folder.mkdir()
    shutil.copy(_YARDSTICKS / "peer.py", folder)
    for name in _REQUESTS:
        shutil.copytree(ours / name, folder / name)
    return folder


def compiled(package: Path, folder: Path) -> Path:
    """Copy a package to a folder, and add the bytecode of this Python."""
    shutil.copytree(package, folder)
    compileall.compile_dir(folder, quiet=2)
    return folder


def megabytes(package: Path) -> tuple[float, float]:
    """The size of a package: unpacked, and as a zip file, in megabytes."""
    files = [path for path in package.rglob("*") if path.is_file()]
    archive = package.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in files:
            packed.write(path, path.relative_to(package))
    zipped = archive.stat().st_size
    archive.unlink()
    return sum(path.stat().st_size for path in files) / 1e6, zipped / 1e6


def compile_runtime() -> None:
    """Compile what the runtime brings: Lambda's image has its bytecode, too."""
    for name in _RUNTIME:
        spec = find_spec(name)
        if spec is None or not spec.submodule_search_locations:
            raise LocalError(f"The package {name} is missing: run `make setup` first.")
        for folder in spec.submodule_search_locations:
            compileall.compile_dir(folder, quiet=2)
