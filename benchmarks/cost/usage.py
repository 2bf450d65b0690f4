"""What a measurement used: amounts of the units that AWS charges, each with the reason."""

from collections import defaultdict
from collections.abc import Iterator


class Usage:
    """Amounts of units and numbers of calls, by the name of their price and by their reason."""

    def __init__(self) -> None:
        self._amounts: defaultdict[tuple[str, str], float] = defaultdict(float)
        self._calls: defaultdict[tuple[str, str], float] = defaultdict(float)

    def add(self, price: str, amount: float, reason: str, calls: float = 1) -> None:
        """Count an amount of units, and the calls that used them."""
        self._amounts[price, reason] += amount
        self._calls[price, reason] += calls

    def scaled(self, factor: float) -> "Usage":
        """The usage of so many times as long a time."""
        result = Usage()
        for price, reason, amount, calls in self.lines():
            result.add(price, amount * factor, reason, calls * factor)
        return result

    def lines(self) -> Iterator[tuple[str, str, float, float]]:
        """(price, reason, amount, calls) of each line."""
        for (price, reason), amount in self._amounts.items():
            yield price, reason, amount, self._calls[price, reason]

    def total(self, price: str) -> float:
        """The amount for a price."""
        return sum(amount for name, _, amount, _ in self.lines() if name == price)
