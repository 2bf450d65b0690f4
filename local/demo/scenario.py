"""The demo from beginning to end."""

import time
from collections.abc import Sequence
from contextlib import suppress

from botocore.exceptions import BotoCoreError, ClientError
from requests import RequestException
from rich.console import Console

from local.demo import actions, results, url_forms
from local.demo.actions import DemoImage
from local.demo.catalogue import ImageSpec, image_specs
from local.demo.display import Display
from local.demo.edge_client import VARIANTS, EdgeAnswer, EdgeClient
from local.demo.watch import Watch
from local.errors import LocalError
from local.observer import Observer
from local.options import Options
from local.polling import attempts
from local.progress import Progress
from local.session import redeploy, session
from local.stack import Stack
from local.workspace import SHARED

DEADLINE_SECONDS = 300.0
"""In which all changed images must be fresh, also on a busy machine."""

OPTIONS = Options(
    completion_delay=3.0,
    parameters={
        "LogLevel": "DEBUG",  # the log then says when SubmitPurge received each change
        "SkipNewObjects": "false",  # so that a new image is purged although the edge cached a 404 for it
    },
    emulator=url_forms.EMULATOR,
)
"""What the demo's stack is deployed with."""

_ABOUT_UPLOADS = """\
  It took {purges} purges: a new image is a change too, since the CDN may have cached a 404 for it.
  (By default a new object costs no purge if the bucket has versions; here SkipNewObjects is false.)"""

_ABOUT_CHANGES = """\
  The rest happens by itself. The bucket notifies the queue. SubmitPurge gathers the burst until it pauses,
  and plans it as a whole. ImageKit accepts the purges. TrackPurges follows them until they are Completed:
  {delay:g} s later here, minutes later at ImageKit. Until then the edge shows its old copies."""

_UPLOAD_SECONDS = 300.0
_POLL_SECONDS = 0.25
_MOST_PROBLEMS = 12


def demo(console: Console) -> int:
    """Run the demo on a stack of its own. Returns 0 if the main job was done, 1 if not. Raises LocalError."""
    display = Display(console)
    display.heading(
        "An AWS account and an ImageKit account in miniature, with the real template deployed to them."
    )
    progress = Progress(console)
    with session(OPTIONS, progress=progress, private=SHARED / "demo") as stack:
        observer = Observer(stack)
        try:
            problems = Scenario(stack, observer, display).run(image_specs())
            if not problems:
                display.heading("The same stack, deployed with a setting for every form of URL.")
                redeploy(stack, url_forms.parameters(stack), progress=progress)
                problems = url_forms.UrlForms(stack, observer, display).run()
        finally:
            # The functions' logs end with the stack. If the stack is broken, its own logs say why.
            with suppress(BotoCoreError, ClientError, RequestException):
                observer.keep_logs()
        if not problems:
            display.say("To see all this in a browser, and to try it yourself: make console")
            return 0
        display.heading(f"The main job was not done: {len(problems)} problems.")
        for problem in problems[:_MOST_PROBLEMS]:
            display.say(f"  {problem}", "red")
        if more := problems[_MOST_PROBLEMS:]:
            display.say(f"  … and {len(more)} more")
        display.say(f"The logs of all processes and functions: {stack.workspace.logs}")
        return 1


class Scenario:
    """The demo on a stack that runs."""

    def __init__(self, stack: Stack, observer: Observer, display: Display) -> None:
        self._stack = stack
        self._observer = observer
        self._display = display

    def run(self, specs: Sequence[ImageSpec], deadline: float = DEADLINE_SECONDS) -> list[str]:
        """Run the demo with these images. Returns what went wrong, a line each. Raises LocalError.

        The changed images must be fresh within `deadline` seconds.
        """
        images = actions.demo_images(self._stack, specs)
        with EdgeClient() as edge:
            self._upload([image for image in images if image.before])
            warmed = self._warm(edge, images)
            watch = Watch(self._observer, edge, *self._change(edge, images))
            self._follow(watch, deadline)
            problems = results.problems(watch)
            cached, evicted = results.check_untouched(edge, images, warmed)
        self._report(watch, f"{cached} of {cached + len(evicted)}")
        if not problems and not evicted:
            self._display.say(
                "Every changed image is fresh, and every other one is still cached.", "bold green"
            )
        return problems + evicted

    def _upload(self, images: Sequence[DemoImage]) -> None:
        self._display.heading(
            f"Upload {len(images)} images, with keys that are hard to get right, to the bucket."
        )
        start = time.time()
        actions.upload(self._stack, images)
        keys = {image.spec.key for image in images}
        if not any(self._uploads_purged(keys, start) for _ in attempts(_UPLOAD_SECONDS, _POLL_SECONDS)):
            log = self._stack.workspace.logs / "ministack.log"
            raise LocalError(f"The uploads were not purged within {_UPLOAD_SECONDS:g} seconds.", log)
        self._display.say(_ABOUT_UPLOADS.format(purges=len(self._observer.accepted(start))))

    def _uploads_purged(self, keys: set[str], start: float) -> bool:
        """Whether the uploads of these keys since `start` (unix seconds) lead to no further purge.

        That a purge covers them is not enough: an early wildcard may cover keys that SubmitPurge receives and
        purges later. So first every key has to be received.
        """
        received = {line["key"] for line in self._observer.log("SubmitPurge", "change received", start)}
        return (
            keys <= received
            and self._observer.work().done
            and all(purge.completed_at for purge in self._observer.accepted(start))
        )

    def _warm(self, edge: EdgeClient, images: Sequence[DemoImage]) -> dict[str, EdgeAnswer]:
        urls = sum(len(image.urls) for image in images)
        variants = " and ".join(f"with {variant}" for variant in VARIANTS if variant)
        self._display.heading(f"Fetch {urls} URLs through the edge until each is served from its cache.")
        self._display.say(
            f"  Each image as it is, {variants}; also images that do not exist yet: a 404 is cached as well."
        )
        return actions.warm(edge, images)

    def _change(
        self, edge: EdgeClient, images: Sequence[DemoImage]
    ) -> tuple[list[DemoImage], dict[str, EdgeAnswer]]:
        counts = ", ".join(f"{count} {kind}" for kind, count in actions.count_by_kind(images))
        self._display.heading(f"Change images through the S3 API: {counts}.")
        self._display.say(_ABOUT_CHANGES.format(delay=OPTIONS.completion_delay))
        return actions.apply_changes(self._stack, edge, images)

    def _follow(self, watch: Watch, deadline: float) -> None:
        with self._display.live():
            for _ in attempts(deadline, _POLL_SECONDS):
                watch.check()
                self._display.update(watch)
                if watch.done:
                    return

    def _report(self, watch: Watch, cached: str) -> None:
        self._display.heading("Each changed image, with the seconds since its change:")
        self._display.table(watch)
        state = self._observer.imagekit()
        used, quota = state["purgesUsed"], state["settings"]["quota"]
        self._display.say(f"  {len(watch.statuses)} changed images took {len(watch.purges)} purges.")
        self._display.shared_purges(watch, self._stack.url_endpoint)
        self._display.say(f"  {cached} URLs of untouched images still show the same cached copy.")
        self._display.say(
            f"  Purges used this month, including those of the uploads: {used} of {quota}, "
            f"{quota - used} left (the ledger counts {self._observer.used(state['now'])})."
        )
        self._display.timings(watch)
