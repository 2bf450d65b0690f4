"""A deterministic fault simulation of the whole main job: ``python -m tests.chaos --help``.

It runs the real handlers and the real drain on a small AWS, ImageKit's emulator and one virtual clock. A seed
decides everything that happens: what changes, what is delivered when, and what fails.

- `schedule.py` generates a schedule from a seed, `setup.py` its deployment, and `faults.py` its faults
- `timeline.py` has the clock and the tasks that run on it. `simulation.py` puts everything together
- `schedule_runner.py` runs the schedule. `messages.py` builds the messages that S3 sends
- `functions.py` has the two Lambda functions, `triggers.py` what invokes them, and `queue.py` their queue
- `fault_injector.py` intercepts every call: calls fail and hang, and functions are killed. `endpoint.py`
  passes it the calls to AWS, and `adapter.py` those to ImageKit. `emulator_connection.py` takes the latter to
  the emulator's socket. `virtual_connection.py` delivers an answer a byte at a time
- `aws.py`, `bucket.py` and `local/fakes/` are the small AWS. `--aws moto` uses `moto_aws.py` instead
- `audit_log.py` records what happened. The checkers read it: `lost_change_checker.py`, `quota_checker.py`,
  `duplicate_checker.py`, `end_state_checker.py` and `alert_checker.py`; `purge_index.py` helps them
- `run.py` runs a schedule to its end. `shrink.py` finds the shortest prefix that still fails
- `mutants.py` breaks one line of the functions, to show that the checkers catch it
"""
