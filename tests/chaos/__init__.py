"""A deterministic fault simulation of the whole main job: ``python -m tests.chaos --help``.

The real handlers and the real drain, an AWS small enough to know, ImageKit's emulator, and one virtual
clock. A seed decides everything that happens: what changes, what is delivered when, and what fails.

- `schedule.py`: from a seed to what will happen, in the deployment of `setup.py`. `faults.py` names all that
  fails
- `timeline.py`: the clock, on which invocations go on at once. `world.py` puts everything together,
  `story.py` makes the schedule happen; `messages.py` are what S3 sends then
- `functions.py` are the two Lambdas, `triggers.py` what invokes them, `queue.py` their queue
- `wire.py`: the boundary that every call crosses, where calls fail and hang and functions are killed.
  `endpoint.py` leads calls to AWS there, `adapter.py` those to ImageKit; `line.py` takes these on to the
  emulator's socket, and `drip.py` is a connection without an end
- `aws.py`, `bucket.py`, `/local/fakes`: what stands behind the boundary; `--aws moto` puts moto there
- `books.py`: what truly happened. `invariants.py`, `spending.py`, `waiting.py`: what must hold
- `run.py`: the whole story. `shrink.py`: the shortest prefix that still fails
- `mutants.py`: breaks one line, to be caught
"""
