"""Starting, finding and ending embedded stacks."""

import fcntl
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from local import cdn, certificate, ministack, sam
from local.errors import LocalError
from local.options import Options
from local.ports import Reservation
from local.processes import Process
from local.progress import Progress
from local.stack import Stack
from local.watchdog import Watchdog
from local.workspace import SHARED, Workspace


@contextmanager
def session(
    options: Options | None = None, *, progress: Progress | None = None, private: Path | None = None
) -> Iterator[Stack]:
    """A stack for the length of a block.

    It is the running stack of `up`, if there is one, whatever the options; else a stack of its own, which
    ends with the block. `private` names a folder for a stack of its own in any case.
    """
    progress = progress or Progress()
    stack = running() if private is None else None
    if stack is not None:
        yield stack
        return
    workspace = Workspace(private or SHARED / "session")
    with _sole_user_of(workspace):
        try:
            with Watchdog() as watchdog:  # which stops everything at its end
                stack, _ = _start(workspace, options or Options(), progress, watchdog)
                yield stack
        finally:
            workspace.forget()


def up(options: Options | None = None, *, progress: Progress | None = None) -> Stack:
    """Start a stack that outlives this process, or deploy the project as it is now to the one that runs."""
    options, progress = options or Options(), progress or Progress()
    workspace = Workspace()
    with _sole_user_of(workspace), Watchdog() as watchdog:
        stack = running()
        if stack is not None:
            return _build_and_deploy(stack, options.parameters, progress, watchdog)
        down()
        stack, processes = _start(workspace, options, progress, watchdog)
        workspace.remember(
            {
                "endpoint": stack.endpoint,
                "imagekit": stack.imagekit,
                "certificate": str(stack.certificate),
                "outputs": dict(stack.outputs),
                "processes": [{"pid": process.pid, "born": process.born} for process in processes],
            }
        )
        watchdog.release()
    return stack


def running() -> Stack | None:
    """The stack of `up`, if it runs."""
    workspace = Workspace()
    state = workspace.recall()
    if state is None or not all(process.alive() for process in _processes(state)):
        return None
    return Stack(
        endpoint=state["endpoint"],
        imagekit=state["imagekit"],
        certificate=Path(state["certificate"]),
        workspace=workspace,
        outputs=state["outputs"],
    )


def down() -> bool:
    """Stop the stack of `up`, or what is left of it. Whether there was anything to stop."""
    workspace = Workspace()
    state = workspace.recall()
    stopped = False
    for process in reversed(_processes(state or {})):
        stopped = process.alive() or stopped
        process.stop()
    workspace.forget()
    return stopped


def redeploy(
    stack: Stack, parameters: Mapping[str, str], *, name: str = "", progress: Progress | None = None
) -> Stack:
    """Deploy the project as it is now to a running stack, with some template parameters changed.

    With a `name` it is deployed once more beside the first, on the same emulated services: the private key is
    still to be filled in there.
    """
    with Watchdog() as watchdog:
        return _build_and_deploy(
            replace(stack, name=name or stack.name), parameters, progress or Progress(), watchdog
        )


def _start(
    workspace: Workspace, options: Options, progress: Progress, watchdog: Watchdog
) -> tuple[Stack, list[Process]]:
    workspace.prepare()
    # The emulated ImageKit needs the bucket's name, and the template its address: so the address comes first.
    with Reservation() as imagekit, Reservation() as gateway:
        trusted = certificate.make(workspace.tls)
        bare = Stack(
            endpoint=f"https://127.0.0.1:{gateway.port}",
            imagekit=f"http://127.0.0.1:{imagekit.port}",
            certificate=trusted[0],
            workspace=workspace,
        )
        with progress.step("Start the emulated AWS"):
            aws = ministack.start(
                workspace, gateway.release(), trusted, watchdog, wait_scale=options.wait_scale
            )
        parameters = {
            "UrlMap": f"*={bare.url_endpoint}",
            "ImageKitApiUrl": bare.imagekit,
            **options.parameters,
        }
        stack = _build_and_deploy(bare, parameters, progress, watchdog)
        with progress.step("Start the emulated ImageKit"):
            key = f"private_{secrets.token_urlsafe(24)}"
            stack.secrets.put_secret_value(
                SecretId=stack.outputs["ImageKitSecretArn"], SecretString=json.dumps({"private_key": key})
            )
            edge = cdn.start(stack, imagekit, key, options, watchdog)
    return stack, [aws, edge]


def _build_and_deploy(
    stack: Stack, parameters: Mapping[str, str], progress: Progress, watchdog: Watchdog
) -> Stack:
    with sam.building():
        if not sam.built():
            with progress.step("Build the functions with the SAM CLI"):
                sam.build(stack.workspace, watchdog)
        with progress.step("Deploy the template with the SAM CLI"):
            outputs = sam.deploy(stack, parameters, watchdog)
    return replace(stack, outputs=outputs)


def _processes(state: Mapping[str, list[dict[str, str]]]) -> list[Process]:
    return [Process(int(process["pid"]), process["born"]) for process in state.get("processes", [])]


@contextmanager
def _sole_user_of(workspace: Workspace) -> Iterator[None]:
    workspace.home.mkdir(parents=True, exist_ok=True)
    with (workspace.home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalError(f"Another run uses {workspace.home}: wait for its end, or end it.") from None
        yield
