"""The emulator's command line: what it accepts and what it refuses."""

from pathlib import Path

import pytest

from local.imagekit import Bucket
from local.imagekit.options import parse


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--port", "70000"], "70000"),
        (["--port", "http"], "http"),
        (["--host", "0.0.0.0"], "0.0.0.0"),  # noqa: S104 # is what must be refused
        (["--host", "example.com"], "example.com"),
        (["--delay=-1"], "--delay is -1.0"),
        (["--delay", "soon"], "soon"),
        (["--quota=-5"], "--quota is -5"),
        (["--quota", "1.5"], "1.5"),
        (["--quota-answer", "500"], "500"),
        (["--write-rate", "0"], "--write-rate is 0"),
        (["--read-burst", "0"], "--read-burst is 0"),
        (["--origin", "demo"], "ID=BUCKET"),
        (["--origin", "v1=photos"], "v1=photos"),
        (["--origin", "demo=Not_A_Bucket"], "Not_A_Bucket"),
        (["--origin", "demo=photos", "--origin", "demo=other"], "twice"),
        (["--domain", "images.example.com"], "HOST=ID"),
        (["--domain", "images.example.com=demo"], "--origin"),
        (["--rewriter", "demo"], "--rewriter"),
        (["--s3-endpoint", "localhost:4566"], "localhost:4566"),
        (["--port-file", "no/such/folder/port"], "no/such/folder"),
        (["--private-key", "a:b"], "--private-key"),
        (["--colour"], "--colour"),
    ],
)
def test_refuses_senseless_options(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It exits with 2 and one line that names the option or the value."""
    with pytest.raises(SystemExit) as end:
        parse(["--private-key", "private_x", *arguments], {})
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert named in line
    assert "private_x" not in line


def test_understands_everything() -> None:
    """Options can be repeated, origins have folders and URL patterns, the environment may have the key."""
    origins = ["--origin=demo=photos", "--origin=demo/shop=photos/public/shop/"]
    others = ["--domain=images.example.com=demo", "--port-file=port", "--s3-endpoint=http://127.0.0.1:4566"]
    others += ["--rewriter=demo/shop"]
    options = parse([*origins, *others], {"IMAGEKIT_PRIVATE_KEY": "private_y"})
    assert options.settings.private_key == "private_y"
    assert options.origins == {"demo": Bucket("photos"), "demo/shop": Bucket("photos", "public/shop")}
    assert options.domains == {"images.example.com": "demo"}
    assert options.rewriters == ["demo/shop"]
    assert (options.port, options.port_file) == (0, Path("port"))
    assert options.s3_endpoint == "http://127.0.0.1:4566"
