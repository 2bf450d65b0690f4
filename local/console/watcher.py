"""Watches a stack in a thread, and keeps the feed of the page up to date. It changes nothing in the stack."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from local.console.bucket import Bucket
from local.console.failures import ERRORS, in_words
from local.console.feed import Feed
from local.console.gauge import Throttling, gauge
from local.console.looks import Edge
from local.console.objects import Objects, Stored
from local.console.planning import Forecast, Preview
from local.console.purges import Purges, completions
from local.console.weather import Weather
from local.domain import Settings
from local.errors import LocalError
from local.observer import Observer
from local.stack import Stack

_POLL_SECONDS = 0.4
_LISTING_REST = 4.0  # for each second that a listing takes
_ASK_SECONDS = 2.0
_LOG_SECONDS = 150.0  # an invocation takes at most 120, and its lines are stored when it ends


class Watcher:
    """Watches one stack. `start` and `stop` its threads; all other methods are thread-safe."""

    def __init__(self, stack: Stack, settings: Settings, *, weather: Weather, edge: Edge, feed: Feed) -> None:
        self._stack = stack
        self._observer = Observer(stack)
        self._weather = weather
        self._edge = edge
        self._feed = feed
        self._bucket = Bucket(stack)
        self._forecast = Forecast(stack, self._observer, settings)
        self._lock = threading.RLock()
        self._objects = Objects(stack.url)
        self._purges = Purges(stack.url_endpoint)
        self._preview = Preview()
        self._throttling = Throttling()
        self._listed_at = self._list_from = 0.0
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=(self.poll, _POLL_SECONDS), name="watch", daemon=True),
            threading.Thread(target=self._repeat, args=(self.ask, _ASK_SECONDS), name="ask", daemon=True),
        ]

    def start(self) -> None:
        """Start to watch."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop, and wait for what is under way."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def stored(self, key: str) -> Stored | None:
        """Return what the origin holds of a key, as far as it is known."""
        with self._lock:
            return self._objects.stored(key)

    def changed(self, key: str, stored: Stored | None, at: float) -> None:
        """Note a change that the page made at a time (unix seconds), before the next listing shows it."""
        with self._lock:
            self._objects.changed(key, stored, at)
            self._publish()

    def covered(self, purge: str) -> dict[str, list[str]] | None:
        """Return the keys that a purge changed, and those that it evicted needlessly; None if it is
        unknown."""
        with self._lock:
            found = self._purges.covered(purge)
        return {"changed": list(found.changed), "evicted": list(found.evicted)} if found else None

    def poll(self) -> None:
        """Read the stack once. Raises one of ERRORS."""
        began = time.time()
        listing = self._listing(began)
        imagekit = self._observer.imagekit()
        accepted = self._observer.accepted()
        done = {
            each: purge.completed_at
            for each, purge in self._observer.ledger_purges().items()
            if purge.completed_at is not None
        }
        # A change moves from the queue to the ledger. They are read in this order, so none is overlooked.
        queued, dead = self._messages()
        preview = self._forecast.preview()
        collateral, price = self._logged()
        with self._lock:
            if listing is not None:
                self._objects.listed(listing, began, self._listed_at)
                self._listed_at = began
            waiting = self._preview.keys
            self._purges.accepted(accepted, lambda purge, keys: self._objects.purged(purge, waiting | keys))
            self._purges.completed(completions(accepted, done, began))
            self._purges.logged(collateral)
            if not preview.under_way:
                self._purges.plan(preview.purges, began)
            self._preview = preview
            if not (queued or dead or preview.changes):
                self._objects.settle(began)
            self._objects.forget_deleted(self._purges.completed_times, began)
            self._publish()
        self._look_at_purges()
        self._feed.set_value("weather", sorted(self._weather.on(imagekit)))
        limits = {"used": imagekit["purgesUsed"], "quota": imagekit["settings"]["quota"]}
        self._feed.set_value("imagekit", limits)
        self._feed.set_value("throttled", self._throttling.seen(imagekit["calls"].get("purge", {})))
        if price is not None or preview.purges:
            self._feed.set_value("price", preview.price if preview.purges else price)
        self._feed.set_value("whereabouts", {"queue": queued, "ledger": preview.changes, "dead": dead})

    def ask(self) -> None:
        """Ask the deployed function for its status. Raises one of ERRORS."""
        try:
            answer = self.question({"status": True})
        except LocalError as error:
            self._feed.set_value("status", {"answer": None, "problem": in_words(error)})
            return
        self._feed.set_value("status", {"answer": answer, "problem": ""})
        self._feed.set_value("gauge", gauge(answer, time.time()))

    def question(self, body: dict[str, Any]) -> dict[str, Any]:
        """Invoke SubmitPurge, and return its answer. Raises LocalError if the function fails."""
        response = self._stack.functions.invoke(
            FunctionName=self._stack.outputs["SubmitPurgeFunction"], Payload=json.dumps(body)
        )
        answer: dict[str, Any] = json.loads(response["Payload"].read())
        if "FunctionError" in response:
            raise LocalError(f"SubmitPurge failed: {answer.get('errorMessage')}")
        return answer

    def tick(self) -> dict[str, Any]:
        """Let the function go on with what is pending, as the schedule does. Raises LocalError."""
        return self.question({"tick": True})

    def _repeat(self, action: Callable[[], None], seconds: float) -> None:
        name = action.__name__
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                action()
                self._feed.set_value(f"trouble {name}", "")
            except ERRORS as error:
                self._feed.set_value(f"trouble {name}", f"The stack does not answer: {in_words(error)}")
            # A poll that takes long is made more rarely: the machine has other work as well.
            self._stop.wait(max(seconds, time.monotonic() - began))

    def _publish(self) -> None:
        planned = dict.fromkeys(self._preview.keys, False)
        planned.update((key, True) for purge in self._preview.purges for key in purge.keys)
        self._feed.replace("objects", self._objects.rows(planned, self._purges.completed_times))
        self._feed.replace("purges", self._purges.rows())

    def _listing(self, now: float) -> dict[str, Stored] | None:
        """List the bucket, unless the last listing took so long that this one can wait. What the page itself
        changes is known without it."""
        if now < self._list_from:
            return None
        found = self._bucket.listing()
        self._list_from = time.time() + _LISTING_REST * (time.time() - now)
        return found

    def _look_at_purges(self) -> None:
        """Look whether the edge is fresh after Completed purges."""
        with self._lock:
            samples = self._purges.to_look_at()
            wanted = {key: self._objects.stored(key) for keys in samples.values() for key in keys}
        if not samples:
            return
        looks = dict(zip(wanted, self._edge.look(map(self._stack.url, wanted)), strict=True))
        with self._lock:
            for purge, keys in samples.items():
                if all(looks[key].same_as(_etag(wanted[key])) for key in keys):
                    self._purges.fresh(purge, time.time())
            self._publish()

    def _logged(self) -> tuple[dict[str, int], float | None]:
        """Return the collateral of accepted purges by request id, and the last price, as the log has them."""
        with self._lock:
            oldest = self._purges.not_logged_since(time.time() - _LOG_SECONDS)
        if oldest is None:
            return {}, None
        collateral: dict[str, int] = {}
        price = 0.0  # a price of 0 is not published
        for line in self._observer.lines("SubmitPurge", oldest - 1):
            try:
                fields = json.loads(line)
            except ValueError:
                continue
            if not isinstance(fields, dict):
                continue
            if fields.get("message") == "purge accepted":
                collateral[fields["request_id"]] = fields["collateral"]
            elif "Price" in fields:
                price = float(fields["Price"][-1])
        return collateral, price if collateral else None

    def _messages(self) -> tuple[int, int]:
        """Return how many messages the change queue and its dead letters have, received ones included."""
        urls = (self._stack.outputs["ChangeQueueUrl"], self._stack.outputs["ChangeDeadLettersUrl"])
        queued, dead = (
            sum(
                int(count)
                for name, count in self._stack.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])[
                    "Attributes"
                ].items()
                if name.startswith("ApproximateNumberOfMessages")
            )
            for url in urls
        )
        return queued, dead


def _etag(stored: Stored | None) -> str | None:
    return stored.etag if stored else None
