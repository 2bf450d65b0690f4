"""The list prices and the assumptions, from the dated file beside this module."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("prices.json")


@dataclass(frozen=True, slots=True)
class Price:
    """So many US dollars for `per` units of a service. `checked` says how sure the price is."""

    usd: float
    per: int
    unit: str
    service: str
    source: str
    checked: str

    def of(self, amount: float) -> float:
        """US dollars for an amount of units."""
        return amount * self.usd / self.per


@dataclass(frozen=True, slots=True)
class PriceList:
    """The prices by name, and the values of the assumptions by name. `date` is when they were checked."""

    date: str
    region: str
    prices: Mapping[str, Price]
    assumptions: Mapping[str, float]
    reasons: Mapping[str, str]
    """Unit and reason of each assumption, for people."""


def load(**changed: float) -> PriceList:
    """The price list, with some assumptions changed. Raises KeyError for an assumption that is unknown."""
    content: Any = json.loads(FILE.read_text())
    given = content["assumptions"]
    if unknown := changed.keys() - given.keys():
        raise KeyError(f"no assumption {', '.join(sorted(unknown))}; known are {', '.join(given)}")
    return PriceList(
        content["date"],
        content["region"],
        {name: Price(**fields) for name, fields in content["prices"].items()},
        {name: float(fields["value"]) for name, fields in given.items()} | changed,
        {name: f"{fields['unit']}: {fields['why']}" for name, fields in given.items()},
    )
