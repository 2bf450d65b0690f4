"""The cover with the fewest evictions that a number of purges can buy.

This is a knapsack problem on a tree: Soldo, Argyraki and Markopoulou, "Optimal Source-Based Filtering of
Malicious Traffic" (IEEE/ACM Transactions on Networking 20(2), 2012), solve it for address prefixes by dynamic
programming. Two things make it fast here:

- The steps of the frontiers, taken in order of price, give the best cover at each price. If they meet the
  budget exactly, the cover is the answer: none of as few purges evicts less (Everett, "Generalized Lagrange
  Multiplier Method", Operations Research 11(3), 1963).
- Otherwise the budget lies within one step. Its price gives a bound that no cover can beat, and a part of
  the step gives a good cover (`splitting`). If a better one is possible, dynamic programming finds it
  (`programming`), unless that takes too long. Then the bound says how far off the answer can be.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from purging.planning.frontier import Frontier
from purging.planning.programming import Cover, Programming, TooMuchWork
from purging.planning.splitting import Splitting, Taken, wildcards_of


@dataclass(frozen=True, slots=True)
class Choice:
    """The nodes whose wildcards are used, by frontier. They take `purges` in all, and evict `evicted`.

    No cover with as few purges evicts less than `bound`. `price` is how many evictions a purge is worth.
    """

    wildcards: tuple[AbstractSet[int], ...]
    purges: int
    evicted: int
    bound: float
    price: float

    @property
    def exact(self) -> bool:
        """Whether no cover with as few purges evicts less."""
        return self.evicted - self.bound < 1


def fewest_evictions(frontiers: Sequence[tuple[Frontier, int]], budget: int) -> Choice:
    """Return the cover of all frontiers' keys that evicts least with at most `budget` purges.

    Each purge of a frontier is made as many times as the second number says. If no cover takes so few purges,
    the one that takes fewest is returned.
    """
    steps = sorted(
        (step.price / times, number, step)
        for number, (frontier, times) in enumerate(frontiers)
        for step in frontier.steps
    )
    purges = sum(frontier.purges * times for frontier, times in frontiers)
    evicted, price = 0, 0.0
    for position, (step_price, number, step) in enumerate(steps):
        if purges <= budget:
            return Choice(wildcards_of(steps[:position], len(frontiers)), purges, evicted, evicted, price)
        price, saved = step_price, step.saved * frontiers[number][1]
        if purges - saved < budget:
            bound = evicted + price * (purges - budget)
            whole = Taken(evicted + step.evicted, purges - saved, steps[: position + 1])
            cover, bound = _within_a_step(
                frontiers, budget, Splitting(frontiers, budget, steps, whole), bound
            )
            return Choice(cover.wildcards, cover.purges, cover.evicted, bound, price)
        purges, evicted = purges - saved, evicted + step.evicted
    return Choice(wildcards_of(steps, len(frontiers)), purges, evicted, evicted, price)


def _within_a_step(
    frontiers: Sequence[tuple[Frontier, int]], budget: int, splitting: Splitting, bound: float
) -> tuple[Cover, float]:
    """The best cover found where a step saves more than is needed, and what no cover can evict less than."""
    first = splitting.by_whole_steps()
    might_be_better = first.evicted - bound >= 1
    found = splitting.by_parts(first, bound) if might_be_better else first
    cover = Cover(found.evicted, found.purges, wildcards_of(found.steps, len(frontiers)))
    if might_be_better:
        *_, (_, number, step) = splitting.whole.steps
        programming = Programming(frontiers, budget, step.evicted, step.saved * frontiers[number][1])
        try:
            cover = programming.best(cover, first.evicted - 1)
            bound = cover.evicted
        except TooMuchWork:
            pass  # The bound says how far off the cover can be.
    return cover, bound
