"""From a change in an S3 bucket to a fresh image on ImageKit's CDN.

1. `intake` reads the events that SubmitPurge is given (`events`) and keeps their changes in the `ledger`.
2. `draining` takes the lease and goes round by round through the pending changes:
3. `planning` finds their URLs, leaves out what accepted purges cover, and drafts a plan;
4. `aws.surveyor` lists the buckets around the changed keys, so that wildcards have a price;
5. `planning` chooses purges that the quota allows (`pacing`) and that evict little (`cover`);
6. `draining.submission` sends them to `imagekit`; `draining.recorder` makes each known to the ledger.
7. The state machine TrackPurges follows the accepted purges: `checking` asks ImageKit for their status,
8. checks that the CDN shows a fresh copy, and alerts people of purges that are late.

`bootstrap` puts all of it together, and `checking.bootstrap` the last two steps.
"""
