"""The demo from beginning to end."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from botocore.exceptions import BotoCoreError, ClientError
from requests import RequestException
from rich.console import Console

from local.demo import stage, verdict
from local.demo.catalogue import Piece, pieces
from local.demo.edge import VARIANTS, Edge, EdgeAnswer
from local.demo.screen import Screen, timings
from local.demo.stage import Subject
from local.demo.watch import Watch
from local.errors import LocalError
from local.observer import Observer
from local.options import Options
from local.progress import Progress
from local.session import session
from local.stack import Stack
from local.workspace import SHARED

DEADLINE_SECONDS = 300.0
"""For all changes to be seen fresh: also on a busy machine."""

OPTIONS = Options(
    completion_delay=3.0,
    parameters={
        "LogLevel": "DEBUG",  # which says of each change when it was received
        "SkipNewObjects": "false",  # so that an image whose absence is cached turns up
    },
)
"""What the demo's stack is deployed with."""

_ABOUT_UPLOADS = """\
  It took {purges} purges: a new image is a change too, since the CDN may have cached that there was none.
  (By default a new object costs no purge if the bucket has versions; here SkipNewObjects is false.)"""

_ABOUT_CHANGES = """\
  The rest happens by itself. The bucket notifies the queue. SubmitPurge gathers the burst until it pauses,
  and plans it as a whole. ImageKit accepts the purges. TrackPurges follows them until they are Completed:
  {delay:g} s later here, minutes later at ImageKit. Until then the edge shows what it cached, ever older."""

_UPLOAD_SECONDS = 300.0
_POLL = 0.25  # seconds
_MOST_PROBLEMS = 12


def demo(console: Console) -> int:
    """Play it on a stack of its own; 0 if the main job was done, 1 if not. Raises LocalError."""
    screen = Screen(console)
    screen.head(
        "An AWS account and an ImageKit account in miniature, with the real template deployed to them."
    )
    with session(OPTIONS, progress=Progress(console), private=SHARED / "demo") as stack:
        observer = Observer(stack)
        try:
            problems = Play(stack, observer, screen).run(pieces())
        finally:
            # They end with the stack. If that is broken already, its own logs say why.
            with suppress(BotoCoreError, ClientError, RequestException):
                observer.keep_logs()
        if not problems:
            return 0
        screen.head(f"The main job was not done: {len(problems)} problems.")
        for problem in problems[:_MOST_PROBLEMS]:
            screen.say(f"  {problem}", "red")
        if more := problems[_MOST_PROBLEMS:]:
            screen.say(f"  … and {len(more)} more")
        screen.say(f"Every process's log, and the functions': {stack.workspace.logs}")
        return 1


class Play:
    """Everything but starting the stack."""

    def __init__(self, stack: Stack, observer: Observer, screen: Screen) -> None:
        self._stack = stack
        self._observer = observer
        self._screen = screen

    def run(self, pieces: Sequence[Piece], deadline: float = DEADLINE_SECONDS) -> list[str]:
        """Play it with these images; what went wrong, a line each. Raises LocalError.

        The changed ones must be fresh within `deadline` seconds.
        """
        subjects = stage.cast(self._stack, pieces)
        with Edge() as edge:
            self._upload(subjects)
            warmed = self._warm(edge, subjects)
            watch = Watch(self._observer, edge, *self._change(edge, subjects))
            self._watch(watch, deadline)
            problems = verdict.problems(watch)
            spared, evicted = verdict.spared(edge, subjects, warmed)
        self._report(watch, f"{spared} of {spared + len(evicted)}")
        if not problems and not evicted:
            self._screen.say(
                "Every changed image is fresh, and every other one is still cached.", "bold green"
            )
        return problems + evicted

    def _upload(self, subjects: Sequence[Subject]) -> None:
        there = [subject for subject in subjects if subject.before]
        self._screen.head(f"Upload {len(there)} images, with keys that are hard to get right, to the bucket.")
        start = time.time()
        stage.upload(self._stack, there)

        keys = {subject.piece.key for subject in there}

        def settled() -> bool:
            # An early purge may cover what is received later: so first all that is to come has come.
            received = self._observer.log("SubmitPurge", "change received", start)
            return (
                keys <= {line["key"] for line in received}
                and self._observer.work().done
                and all(purge.completed_at for purge in self._observer.accepted(start))
            )

        if not _until(settled, _UPLOAD_SECONDS):
            log = self._stack.workspace.logs / "ministack.log"
            raise LocalError(f"The uploads were not purged within {_UPLOAD_SECONDS:g} seconds.", log)
        self._screen.say(_ABOUT_UPLOADS.format(purges=len(self._observer.accepted(start))))

    def _warm(self, edge: Edge, subjects: Sequence[Subject]) -> dict[str, EdgeAnswer]:
        urls = sum(len(subject.urls) for subject in subjects)
        variants = " and ".join(f"with {variant}" for variant in VARIANTS if variant)
        self._screen.head(f"Fetch {urls} URLs through the edge until each is served from its cache.")
        self._screen.say(
            f"  Each image as it is, {variants}; also those that are yet to come: a 404 is cached as well."
        )
        return stage.warm(edge, subjects)

    def _change(self, edge: Edge, subjects: Sequence[Subject]) -> tuple[list[Subject], dict[str, EdgeAnswer]]:
        counts = ", ".join(f"{count} {act}" for act, count in stage.counted(subjects))
        self._screen.head(f"Change images through the S3 API: {counts}.")
        self._screen.say(_ABOUT_CHANGES.format(delay=OPTIONS.completion_delay))
        return stage.change(self._stack, edge, subjects)

    def _watch(self, watch: Watch, deadline: float) -> None:
        def over() -> bool:
            watch.look()
            self._screen.update(watch)
            return watch.over

        with self._screen.live():
            _until(over, deadline)

    def _report(self, watch: Watch, spared: str) -> None:
        self._screen.head("Each changed image, with the seconds since its change:")
        self._screen.table(watch)
        state = self._observer.imagekit()
        used, quota = state["purgesUsed"], state["settings"]["quota"]
        self._screen.say(f"  {len(watch.stories)} changed images took {len(watch.purges)} purges.")
        self._screen.purges(watch, self._stack.url_endpoint)
        self._screen.say(f"  {spared} URLs of untouched images still show the same cached copy.")
        self._screen.say(
            f"  Purges used this month, the uploads' included: {used} of {quota}, {quota - used} left "
            f"(the ledger counts {self._observer.used(state['now'])})."
        )
        for line in timings(watch):
            self._screen.say(f"  {line}")


def _until(done: Callable[[], bool], seconds: float) -> bool:
    """Look again and again until done, or until so many seconds have passed; whether it was done."""
    deadline = time.monotonic() + seconds
    while True:
        late = time.monotonic() >= deadline
        if done():
            return True
        if late:
            return False
        time.sleep(_POLL)
