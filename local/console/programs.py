"""Runs the programs that know histories and simulations, each as a process of its own."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

from local import environment
from local.errors import BadInput
from local.workspace import PROJECT

_SECONDS = 900.0
_LONGEST_LINE = 64 * 1024 * 1024  # bytes


async def output(*command: object) -> list[str]:
    """Return the lines that a program prints. Raises BadInput with what it says if it fails."""
    async with aclosing(lines(*command)) as printed:
        return [line.rstrip("\n") async for line in printed]


def module(name: str, *arguments: object) -> tuple[object, ...]:
    """Return the command for a module of this project."""
    return (sys.executable, "-m", name, *arguments)


def _environment() -> dict[str, str]:
    # In a hook of another repository, git's environment variables name that repository.
    inherited = {name: text for name, text in environment.inherited().items() if not name.startswith("GIT_")}
    return inherited | {"PYTHONPATH": str(PROJECT / "functions")}


async def lines(*command: object) -> AsyncGenerator[str, None]:
    """Yield the lines that a program prints. Raises BadInput with what it says if it fails.

    The program ends with the iterator.
    """
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=PROJECT,
        env=_environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LONGEST_LINE,
    )
    output, errors = (cast(asyncio.StreamReader, pipe) for pipe in (process.stdout, process.stderr))
    said = asyncio.create_task(errors.read())
    try:
        async with asyncio.timeout(_SECONDS):
            async for line in output:
                yield line.decode(errors="replace")
            if await process.wait():
                message = (await said).decode(errors="replace").strip().splitlines() or ["no reason"]
                raise BadInput(message[-1][:500])
    except TimeoutError:
        raise BadInput(f"It took longer than {_SECONDS / 60:g} minutes: give a shorter history.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        said.cancel()
