"""A deterministic fault simulation of the whole main job: ``python -m tests.chaos --help``.

The real handlers and the real drain, an AWS small enough to know, ImageKit's emulator, and one virtual
clock. A seed decides everything that happens: what changes, what is delivered when, and what fails.

- `schedule.py`: from a seed to what will happen. `messages.py` are what S3 sends then
- `world.py`: makes it happen; `functions.py` are the two Lambdas; `queue.py` their queue
- `wire.py`: the boundary that every call crosses, where calls fail and functions are killed. `endpoint.py`
  leads calls to AWS there, `line.py` takes calls to ImageKit on to the emulator's socket
- `aws.py`, `dynamodb.py`, `bucket.py`: what stands behind the boundary; `--aws moto` puts moto there
- `invariants.py`: what must hold, from ImageKit's log and the raw table
- `run.py`: the whole story. `shrink.py`: the shortest prefix that still fails
- `mutants.py`: breaks one line, to be caught
"""
