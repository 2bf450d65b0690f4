"""What the demo does with its images: uploads them, makes the edge cache them, changes them through S3."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from local.demo.catalogue import ChangeKind, ImageSpec
from local.demo.drawing import Picture, draw
from local.demo.edge_client import VARIANTS, EdgeAnswer, EdgeClient
from local.errors import LocalError
from local.polling import attempts
from local.stack import Stack

_CONCURRENCY = 4  # calls of S3
_WARM_SECONDS = 120.0
_POLL_SECONDS = 0.2

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class DemoImage:
    """An image in the bucket of a stack: its URLs, and the picture that they show before and after.

    A picture is None while there is no object. `changed_at` is when the demo made the call that changed the
    image, in unix seconds; 0 before that call.
    """

    spec: ImageSpec
    urls: tuple[str, ...]
    before: Picture | None
    after: Picture | None
    changed_at: float = 0.0

    @property
    def untouched(self) -> bool:
        """Whether nothing happens to the image."""
        return self.spec.kind is ChangeKind.UNTOUCHED


def demo_images(stack: Stack, specs: Sequence[ImageSpec]) -> list[DemoImage]:
    """Returns an image for each spec, in order. Uploads nothing."""
    first = {spec.key: draw(number, 1, spec.extension) for number, spec in enumerate(specs, start=1)}
    images = []
    for number, spec in enumerate(specs, start=1):
        after: Picture | None = first[spec.key]
        if spec.kind in (ChangeKind.OVERWRITTEN, ChangeKind.ADDED):
            after = draw(number, 2, spec.extension)
        elif spec.kind is ChangeKind.DELETED:
            after = None
        elif spec.kind is ChangeKind.COPIED:
            after = first[spec.source]
        urls = tuple(f"{stack.url(spec.key)}{variant}" for variant in VARIANTS)
        before = None if spec.kind is ChangeKind.ADDED else first[spec.key]
        images.append(DemoImage(spec, urls, before, after))
    return images


def upload(stack: Stack, images: Sequence[DemoImage]) -> None:
    """Upload the first version of every image that exists before the changes."""

    def put(image: DemoImage) -> None:
        if image.before:
            _put(stack, image.spec.key, image.before)

    _for_each(put, images)


def warm(edge: EdgeClient, images: Sequence[DemoImage]) -> dict[str, EdgeAnswer]:
    """Request every URL until the edge answers from its cache with an `Age` above 0.

    Returns the last answer of each URL. Raises LocalError if that takes too long, or if the edge shows
    anything but the first versions.
    """
    expected = {url: image.before for image in images for url in image.urls}
    warmed: dict[str, EdgeAnswer] = {}
    cold = list(expected)
    for _ in attempts(_WARM_SECONDS, _POLL_SECONDS):
        for url, answer in edge.request(cold):
            picture = expected[url]
            if not answer.shows(picture.body if picture else None):
                raise LocalError(
                    f"The edge answered {answer.status} to {url}, and not with what was uploaded."
                )
            if answer.hit and answer.age > 0:
                warmed[url] = answer
        cold = [url for url in expected if url not in warmed]
        if not cold:
            return warmed
    raise LocalError(f"{len(cold)} URLs are no hits after {_WARM_SECONDS:g} seconds: {cold[0]} …")


def apply_changes(
    stack: Stack, edge: EdgeClient, images: Sequence[DemoImage]
) -> tuple[list[DemoImage], dict[str, EdgeAnswer]]:
    """Change each image through the S3 API as its spec says.

    Returns the changed images, with `changed_at`, and the answer of the edge to each URL right after its
    change. The requests cannot wait until all changes are made: on a busy machine the first purges may be
    Completed by then. But no change waits for an answer, so that SubmitPurge can gather the changes.
    """

    def change(image: DemoImage) -> tuple[DemoImage, Iterator[tuple[str, EdgeAnswer]]]:
        changed = replace(image, changed_at=time.time())
        _apply(stack, changed)
        return changed, edge.request(changed.urls)

    results = _for_each(change, [image for image in images if not image.untouched])
    return [image for image, _ in results], dict(pair for _, answers in results for pair in answers)


def count_by_kind(images: Sequence[DemoImage]) -> Iterator[tuple[ChangeKind, int]]:
    """Yields each kind of change that occurs, with its number of images."""
    for kind in ChangeKind:
        if number := sum(image.spec.kind is kind for image in images):
            yield kind, number


def _apply(stack: Stack, image: DemoImage) -> None:
    key = image.spec.key
    if image.spec.kind is ChangeKind.DELETED:
        stack.s3.delete_object(Bucket=stack.bucket, Key=key)
    elif image.spec.kind is ChangeKind.COPIED:
        source = {"Bucket": stack.bucket, "Key": image.spec.source}
        # The stubs want a TypedDict of their own.
        stack.s3.copy_object(Bucket=stack.bucket, Key=key, CopySource=source)  # type: ignore[arg-type]
    elif image.after:
        _put(stack, key, image.after)


def _put(stack: Stack, key: str, picture: Picture) -> None:
    stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=picture.body, ContentType=picture.content_type)


def _for_each(action: Callable[[DemoImage], Result], images: Sequence[DemoImage]) -> list[Result]:
    with ThreadPoolExecutor(_CONCURRENCY, thread_name_prefix="demo") as pool:
        return list(pool.map(action, images))
