"""The routes of the console. Each does one thing by a module beside this one."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from sse_starlette import EventSourceResponse, JSONServerSentEvent
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from local.console import form, pictures, replaying
from local.console.bucket import Bucket, check_key
from local.console.failures import ERRORS, in_words
from local.console.feed import Feed
from local.console.guard import Guard
from local.console.looks import Edge
from local.console.month import Month, Terms
from local.console.reading import fields_of, files_of, flag, key_of, number, text, texts
from local.console.watcher import Watcher
from local.console.weather import Weather
from local.demo.edge_client import VARIANTS
from local.domain import NamedObject, Settings
from local.errors import BadInput
from local.stack import Stack

STATIC = Path(__file__).parent / "static"

_MOST_LOOKS = 120  # keys; a screen shows fewer

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Console:
    """What the routes work with."""

    stack: Stack
    settings: Settings
    feed: Feed
    edge: Edge
    watcher: Watcher
    bucket: Bucket
    weather: Weather


def application(console: Console, port: int) -> Starlette:
    """Return the application that listens on a port of the loopback address."""
    month = Month(console.feed)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await month.close()

    routes = Routes(console, month)
    return Starlette(
        routes=[
            Route("/", routes.page),
            Mount("/static", StaticFiles(directory=STATIC)),
            Route("/events", routes.events),
            Route("/picture/{side}", _explained(routes.picture)),
            Route("/api/object", _explained(routes.show_object)),
            Route("/api/purge", _explained(routes.show_purge)),
            *(
                Route(f"/api/{name}", _explained(handler), methods=["POST"])
                for name, handler in {
                    "look": routes.look,
                    "upload": routes.upload,
                    "overwrite": routes.overwrite,
                    "delete": routes.delete,
                    "replay": routes.replay,
                    "form": routes.form,
                    "weather": routes.turn,
                    "month": routes.drop,
                    "simulate": routes.simulate,
                }.items()
            ),
        ],
        middleware=[Middleware(Guard, port=port)],
        lifespan=lifespan,
    )


def _explained(handler: Handler) -> Handler:
    """The handler, whose errors become answers that say what is wrong: 400 for input, 502 for the stack."""

    async def explained(request: Request) -> Response:
        try:
            return await handler(request)
        except BadInput as error:
            return JSONResponse({"problem": str(error)}, 400)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except ERRORS as error:
            return JSONResponse({"problem": f"The stack did not do it: {in_words(error)}"}, 502)

    return explained


class Routes:
    """A handler for each route."""

    def __init__(self, console: Console, month: Month) -> None:
        self._console = console
        self._month = month

    async def page(self, _request: Request) -> Response:
        """The page itself."""
        return FileResponse(STATIC / "index.html")

    async def events(self, _request: Request) -> Response:
        """Everything that the page shows, then each update, as server-sent events."""

        async def updates() -> AsyncIterator[JSONServerSentEvent]:
            async for update in self._console.feed.follow():
                yield JSONServerSentEvent(update)

        return EventSourceResponse(updates())

    async def picture(self, request: Request) -> Response:
        """A picture of the edge, or of the origin."""
        console, key = self._console, key_of(request.query_params)
        if request.path_params["side"] == "edge":
            return await run_in_threadpool(pictures.at_edge, console.edge, console.stack.url(key))
        return await run_in_threadpool(pictures.at_origin, console.stack, key)

    async def look(self, request: Request) -> Response:
        """What the edge shows now of keys."""
        keys = texts(await fields_of(request), "keys", _MOST_LOOKS)
        urls = [self._console.stack.url(key) for key in keys]
        looks = await run_in_threadpool(self._console.edge.look, urls)
        return JSONResponse({key: look.row(self._etag(key)) for key, look in zip(keys, looks, strict=True)})

    async def show_object(self, request: Request) -> Response:
        """All URL forms of an object, and why the edge shows what it shows."""
        console, key = self._console, key_of(request.query_params)
        plain, *transformed = console.settings.url_map.targets(NamedObject(console.stack.bucket, key))
        urls = [*(f"{plain}{variant}" for variant in VARIANTS), *transformed]
        looks = await run_in_threadpool(console.edge.look, urls)
        question = {"explain": {"bucket": console.stack.bucket, "key": key}}
        try:
            why = (await run_in_threadpool(console.watcher.question, question))["why"]
        except ERRORS as error:
            why = f"The function cannot answer now: {in_words(error)}"
        return JSONResponse({"forms": [look.row(self._etag(key)) for look in looks], "why": why})

    async def show_purge(self, request: Request) -> Response:
        """The keys that an accepted purge covered."""
        found = self._console.watcher.covered(request.query_params.get("id", ""))
        if found is None:
            raise BadInput("There is no such purge.")
        return JSONResponse(found)

    async def upload(self, request: Request) -> Response:
        """Put files under a folder, or one file under a key."""
        fields, files = await files_of(request)
        key, folder = fields.get("key", ""), fields.get("folder", "")
        if key and len(files) != 1:
            raise BadInput("A key takes one file: leave the key out, and give a folder, for more.")
        if not files:
            raise BadInput("No file came: choose one or more.")
        contents = {key or f"{folder}{name}": content for name, content in files.items()}
        for each in contents:
            check_key(each)  # before any of them is put
        for each, content in contents.items():
            put = partial(self._console.bucket.put, each, *content)
            self._console.watcher.changed(each, *await run_in_threadpool(put))
        return JSONResponse({"keys": list(contents)})

    async def overwrite(self, request: Request) -> Response:
        """Overwrite an object by a newly drawn picture."""
        key = key_of(await fields_of(request))
        self._console.watcher.changed(key, *await run_in_threadpool(self._console.bucket.overwrite, key))
        return JSONResponse({"keys": [key]})

    async def delete(self, request: Request) -> Response:
        """Delete an object."""
        key = key_of(await fields_of(request))
        at = await run_in_threadpool(self._console.bucket.delete, key)
        self._console.watcher.changed(key, None, at)
        return JSONResponse({"keys": [key]})

    async def replay(self, request: Request) -> Response:
        """Deliver an event file: one of events/ by its name, or one that comes with the request."""
        if request.headers.get("content-type", "").startswith("application/json"):
            name = text(await fields_of(request), "name")
            body = await run_in_threadpool(replaying.named, name)
        else:
            _, files = await files_of(request)
            if len(files) != 1:
                raise BadInput("Choose one event file.")
            ((name, (body, _)),) = files.items()
        answer = await run_in_threadpool(
            replaying.replay, name, body, self._console.stack, self._console.watcher
        )
        return JSONResponse({"answer": answer})

    async def form(self, request: Request) -> Response:
        """Purge the URLs of ImageKit's form, if none of its lines is refused."""
        lines = form.checked(text(await fields_of(request), "urls"), self._console.settings.url_map)
        refused = any(line.problem for line in lines)
        answer: dict[str, Any] | None = None
        if lines and not refused:
            # A token: the form of ImageKit purges again whenever its button is pressed.
            body = {"urls": [line.text for line in lines], "token": uuid4().hex}
            answer = await run_in_threadpool(self._console.watcher.question, body)
        return JSONResponse({"lines": [line.as_json() for line in lines], "answer": answer})

    async def turn(self, request: Request) -> Response:
        """Turn a switch of the weather."""
        fields = await fields_of(request)
        on = flag(fields, "on")
        await run_in_threadpool(partial(self._console.weather.turn, text(fields, "name"), on=on))
        if not on:
            # The schedule does so every minute; the page need not wait for it. While another switch makes AWS
            # calls fail, the function cannot go on, but this switch is off all the same.
            with suppress(*ERRORS):
                await run_in_threadpool(self._console.watcher.tick)
        return JSONResponse({"on": on})

    async def drop(self, request: Request) -> Response:
        """Take the files of a history, and simulate its months."""
        fields, files = await files_of(request)
        terms = Terms(number(fields, "quota"), fields.get("versioned") != "false")
        await self._month.drop({name: body for name, (body, _) in files.items()}, terms)
        return JSONResponse({})

    async def simulate(self, request: Request) -> Response:
        """Simulate the same history with another quota, or of a bucket with or without versions."""
        fields = await fields_of(request)
        await self._month.simulate(Terms(number(fields, "quota"), flag(fields, "versioned")))
        return JSONResponse({})

    def _etag(self, key: str) -> str | None:
        stored = self._console.watcher.stored(key)
        return stored.etag if stored else None
