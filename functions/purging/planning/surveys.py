"""Which places of which buckets to survey for a plan, and the neighbours in the results."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from purging.planning.neighbours import Neighbours
from purging.planning.targets import PurgeTarget
from purging.urls import SharedPrefix, is_file


@dataclass(frozen=True, slots=True)
class SurveyRequest:
    """A request to list a bucket around `keys`, which come sorted by code point, as S3 sorts.

    `single` keys are listed by themselves if no listing reaches them. `versions`: count versions as well.
    """

    bucket: str
    keys: Sequence[str]
    single: Sequence[str]
    versions: bool


@dataclass(frozen=True, slots=True)
class BucketSurvey:
    """The survey of one bucket. `places` share URLs with it; the last one is the bucket itself.

    `requests` are those of the places, in order; None if a place cannot be listed or has no changed keys.
    """

    bucket: str
    places: tuple[SharedPrefix, ...]
    keys: tuple[Sequence[str], ...]
    """The changed keys that lie in each place."""
    requests: tuple[SurveyRequest | None, ...]


def surveys_for(
    targets: Iterable[PurgeTarget],
    may_be_new: Callable[[PurgeTarget], bool],
    places_of: Callable[[str], Sequence[SharedPrefix]],
) -> list[BucketSurvey]:
    """Return what to survey for targets, by bucket; buckets of few changes come first.

    `places_of` gives the places that share URLs with a bucket.
    """
    by_bucket: dict[str, dict[str, PurgeTarget]] = defaultdict(dict)
    for target in targets:
        # URLs that depend on an object have no place in a bucket. What is listed follows from a key's plain
        # URLs rather than from its SEO-friendly ones.
        if target.root and not (target.root.seo and target.key in by_bucket[target.bucket]):
            by_bucket[target.bucket][target.key] = target
    return [
        _survey(bucket, by_bucket[bucket], may_be_new, places_of(bucket))
        for bucket in sorted(by_bucket, key=lambda bucket: len(by_bucket[bucket]))
    ]


def _survey(
    bucket: str,
    by_key: Mapping[str, PurgeTarget],
    may_be_new: Callable[[PurgeTarget], bool],
    shared: Sequence[SharedPrefix],
) -> BucketSurvey:
    """A key is listed by itself if that can save its purge, or spare keys that begin with it."""
    keys = sorted(by_key)
    new = {key for key in keys if may_be_new(by_key[key])}
    single = [key for key in keys if key in new or (by_key[key].with_variants and not is_file(key))]
    if len(keys) == 1 and by_key[keys[0]].with_variants:
        single = keys
    if len(keys) == 1 and not single:
        return BucketSurvey(bucket, (), (), ())
    # The bucket itself comes last: it may use the time that the other places did not need.
    places = (*shared, SharedPrefix("", bucket, ""))
    inside = tuple([key for key in keys if key.startswith(place.here)] for place in places)
    return BucketSurvey(
        bucket,
        places,
        inside,
        tuple(
            SurveyRequest(
                place.bucket,
                [place.over(key) for key in here],
                [place.over(key) for key in single if key.startswith(place.here)],
                versions=bool(new),
            )
            if here and place.bucket != "*"
            else None
            for place, here in zip(places, inside, strict=True)
        ),
    )


def neighbours_of(
    survey: BucketSurvey,
    results: Sequence[Neighbours],
    changed: Mapping[str, Collection[str]],
    ignores: Callable[[str], bool],
) -> Neighbours:
    """Return the neighbours of a bucket from the `results` of its requests, in their order.

    `changed` keys of each bucket are no neighbours, and neither are keys that the settings ignore.
    """
    if not survey.places:
        return Neighbours()
    remaining = iter(results)
    found: list[Neighbours] = []
    for place, keys, request in zip(survey.places, survey.keys, survey.requests, strict=True):
        if request:
            result = next(remaining)
            others = changed.get(place.bucket, ())
            kept = [key for key in result.unchanged if key not in others and not ignores(key)]
            found.append(replace(result, unchanged=kept))
        else:
            # If nobody can list there, other keys are likely to begin with any of these.
            unknown = place.bucket == "*"
            found.append(Neighbours(crowded=frozenset(map(place.over, keys)) if unknown else frozenset()))
    *elsewhere, neighbours = found
    for place, there in zip(survey.places, elsewhere, strict=False):
        neighbours = neighbours.with_shared(place, there, changed.get(survey.bucket, ()))
    return neighbours
