"""The token bucket that both rate limits use."""


class TokenBucket:
    """``rate`` tokens a second flow in, up to ``burst``. Full at the start."""

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self.rate = rate
        self._burst = burst
        self._level = float(burst)
        self._at = now

    def take(self, now: float) -> float:
        """Take one token and return 0, or take none and return the seconds until there is one.

        ``now`` is in unix seconds; a clock that steps back adds nothing.
        """
        self._level = min(float(self._burst), self._level + max(0.0, now - self._at) * self.rate)
        self._at = max(now, self._at)
        # The slack absorbs rounding: who waits exactly as long as told must find a whole token.
        if self._level >= 1 - 1e-6:
            self._level -= 1
            return 0.0
        return (1 - self._level) / self.rate
