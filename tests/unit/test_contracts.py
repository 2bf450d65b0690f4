"""The names that DESIGN.md promises to callers outside of this project."""

from inspect import signature

import check_purges
import submit_purge
from purging import changes, cover, urls


def test_public_names() -> None:
    """Renaming one of these, or an argument, breaks somebody else."""
    assert list(signature(changes.parse).parameters) == ["event"]
    assert [*signature(changes.ObjectChange).parameters] == [
        *("bucket", "key", "kind", "occurred_at", "sequencer", "version_id")
    ]
    assert issubclass(changes.MalformedEvent, Exception)
    assert callable(urls.UrlMap.parse)
    assert list(signature(urls.UrlMap.targets).parameters) == ["self", "change"]
    assert list(signature(urls.wildcard_allowed).parameters) == ["path"]
    assert list(signature(cover.cover).parameters) == ["changed", "unchanged", "price", "allowed"]
    assert cover.Purge._fields == ("prefix", "wildcard", "changed", "collateral")
    assert list(signature(submit_purge.handler).parameters)[:2] == ["event", "context"]
    assert list(signature(check_purges.handler).parameters)[:2] == ["event", "context"]
