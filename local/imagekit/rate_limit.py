"""The token bucket that both rate limits use."""


class TokenBucket:
    """Gets ``rate`` tokens a second, and holds at most ``burst``. It is full at the start."""

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self.rate = rate
        self._burst = burst
        self._level = float(burst)
        self._at = now

    def take(self, now: float) -> float:
        """Take one token and return 0; if there is none, return the seconds until there is one.

        ``now`` is in unix seconds; a clock that goes back adds no tokens.
        """
        self._level = min(float(self._burst), self._level + max(0.0, now - self._at) * self.rate)
        self._at = max(now, self._at)
        # A margin for rounding: a caller that waits exactly as long as it was told must get a token.
        if self._level >= 1 - 1e-6:
            self._level -= 1
            return 0.0
        return (1 - self._level) / self.rate
