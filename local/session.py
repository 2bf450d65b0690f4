"""Starts, finds and stops embedded stacks."""

import fcntl
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from local import certificate, imagekit_process, ministack, sam
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
    """In the block, a stack runs.

    If the stack of `up` runs, it is that stack, and the options have no effect. Otherwise it is a new stack,
    which ends with the block. With `private`, the folder for its files, it is always a new stack.
    """
    progress = progress or Progress()
    stack = running() if private is None else None
    if stack is not None:
        yield stack
        return
    workspace = Workspace(private or SHARED / "session")
    with locked(workspace):
        try:
            with Watchdog() as watchdog:  # it stops all processes at the end
                stack, _ = _start(workspace, options or Options(), progress, watchdog)
                yield stack
        finally:
            workspace.remove_state()


def up(options: Options | None = None, *, progress: Progress | None = None) -> Stack:
    """Start a stack that keeps running, or deploy the current project to the stack that runs."""
    options, progress = options or Options(), progress or Progress()
    workspace = Workspace()
    with locked(workspace), Watchdog() as watchdog:
        stack = running()
        if stack is not None:
            return _build_and_deploy(stack, options.parameters, progress, watchdog)
        down()
        stack, processes = _start(workspace, options, progress, watchdog)
        workspace.save_state(
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
    """Returns the stack of `up` if it runs, else None."""
    workspace = Workspace()
    state = workspace.load_state()
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
    """Stop all processes of the stack of `up`. Returns whether any of them was running."""
    workspace = Workspace()
    state = workspace.load_state()
    stopped = False
    for process in reversed(_processes(state or {})):
        stopped = process.alive() or stopped
        process.stop()
    workspace.remove_state()
    return stopped


def redeploy(
    stack: Stack, parameters: Mapping[str, str], *, name: str = "", progress: Progress | None = None
) -> Stack:
    """Deploy the current project to a running stack, with other values of some template parameters.

    With a `name`, it becomes a second stack on the same emulated services. The secret of that stack has no
    private key yet.
    """
    with Watchdog() as watchdog:
        return _build_and_deploy(
            replace(stack, name=name or stack.name), parameters, progress or Progress(), watchdog
        )


def _start(
    workspace: Workspace, options: Options, progress: Progress, watchdog: Watchdog
) -> tuple[Stack, list[Process]]:
    workspace.prepare()
    # The template needs the address of the emulated ImageKit, which needs the name of the bucket. So the
    # address is reserved first.
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
            imagekit_server = imagekit_process.start(stack, imagekit, key, options, watchdog)
    return stack, [aws, imagekit_server]


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
def locked(workspace: Workspace) -> Iterator[None]:
    """In the block, no other run uses the workspace. Raises LocalError if another one does."""
    workspace.home.mkdir(parents=True, exist_ok=True)
    with (workspace.home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalError(f"Another run uses {workspace.home}: wait for its end, or end it.") from None
        yield
