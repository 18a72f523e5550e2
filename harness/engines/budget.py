"""What may be asked of endpoints: every attempt is charged at its worst before it is sent, and corrected afterwards.

So the limits hold with many requests under way, and a killed process leaves its charges behind. They lie in
RUN/endpoints.json, which all endpoints and all commands of a run folder share.
"""

from pathlib import Path

from pydantic import Field, ValidationError

from harness.engines.endpoint import EndpointOptions
from harness.errors import BudgetError, StoreError
from harness.records import Record
from harness.store import write_atomically

FILE = "endpoints.json"
PROMPT = 32_000
"""Tokens of a prompt with one picture, as long as no answer has said how many there are; no server is known to take
more for one (gpt-4o-mini takes up to 25,000)."""
MARGIN = 2
"""Later prompts may be so many times longer than the longest so far: pictures differ in size, questions in words."""
_MILLION = 1e6


class Spent(Record):
    """The sums of a run folder."""

    requests: int = 0
    """Attempts, those that failed or were repeated included."""
    cost: float = 0.0
    """Dollars, at the prices in force when they were spent; without prices nothing. An attempt whose end nobody saw
    counts with the most it can have cost."""
    prompt_tokens: int = 0
    new_tokens: int = 0
    longest_prompt: int = 0
    served: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """MODEL@URL -> the names under which its server answered, such as the dated model behind a name without a date."""


class Budget:
    """The account of a run.

    Args:
        options: limits and prices.
        file: where the sums are kept; None keeps them in memory.
    """

    def __init__(self, options: EndpointOptions, file: Path | None = None) -> None:
        self.options = options
        self.file = file
        self.spent = _read(file) if file else Spent()

    def ticket(self, max_new_tokens: int) -> "Ticket | None":
        """Leave for one request, its first attempt charged; None where not even that fits."""
        charge = self.charge(max_new_tokens)
        return None if charge is None else Ticket(self, max_new_tokens, charge)

    def charge(self, max_new_tokens: int) -> float | None:
        """Charge one attempt with the most it can cost; None, and no charge, where that goes beyond a limit."""
        prompt = self.spent.longest_prompt * MARGIN or PROMPT
        worst = self._price(prompt, max_new_tokens)
        requests, cost = self.options.max_requests, self.options.max_cost
        if requests is not None and self.spent.requests >= requests:
            return None
        if cost is not None and self.spent.cost + worst > cost:
            return None
        self.book(requests=1, cost=worst)
        self.flush()
        return worst

    def settle(self, charge: float, prompt_tokens: int, new_tokens: int) -> None:
        """Put what an answer took in the place of its charge."""
        longest = max(self.spent.longest_prompt, prompt_tokens)
        self.spent = self.spent.model_copy(update={"longest_prompt": longest})
        cost = self._price(prompt_tokens, new_tokens) - charge
        self.book(cost=cost, prompt_tokens=prompt_tokens, new_tokens=new_tokens)

    def note_served(self, endpoint: str, name: str) -> None:
        """Remember who answered."""
        known = self.spent.served.get(endpoint, ())
        if name and name not in known:
            served = self.spent.served | {endpoint: (*known, name)}
            self.spent = self.spent.model_copy(update={"served": served})

    def book(self, **amounts: float) -> None:
        """Add to the sums. A charge is on disk before its attempt is sent; that it came to less may wait."""
        sums = {name: getattr(self.spent, name) + amount for name, amount in amounts.items()}
        self.spent = self.spent.model_copy(update=sums)

    def flush(self) -> None:
        """Put the sums on disk."""
        if self.file:
            write_atomically(self.file, self.spent.model_dump_json(indent=1) + "\n")

    def used_up(self) -> BudgetError:
        """The sentence that ends a run."""
        flags = {"--max-requests": self.options.max_requests, "--max-cost": self.options.max_cost}
        limits = " and ".join(f"{flag} {value}" for flag, value in flags.items() if value is not None)
        cost = f" and {self.spent.cost:.4f} dollars" if self.options.max_cost is not None else ""
        return BudgetError(
            f"the budget of {limits} is used up: {self.spent.requests} requests{cost}, earlier commands included, and "
            "one more could go beyond it. What is answered is stored, the rest is still to be asked: the same command "
            "with a larger budget goes on."
        )

    def _price(self, prompt_tokens: int, new_tokens: int) -> float:
        prices = self.options.price_in or 0.0, self.options.price_out or 0.0
        return (prompt_tokens * prices[0] + new_tokens * prices[1]) / _MILLION


class Ticket:
    """The attempts of one request."""

    def __init__(self, budget: Budget, max_new_tokens: int, charge: float) -> None:
        self._budget = budget
        self._tokens = max_new_tokens
        self._charge = charge
        self._sent = False

    def attempt(self) -> bool:
        """An attempt is about to be sent: whether it may. The first one may."""
        if self._sent:
            charge = self._budget.charge(self._tokens)
            if charge is None:
                return False
            self._charge = charge
        self._sent = True
        return True

    def drop(self) -> None:
        """The request was never sent."""
        if not self._sent:
            self._budget.book(requests=-1, cost=-self._charge)

    def refused(self) -> None:
        """The server answered with an error, for which nobody pays."""
        self._budget.book(cost=-self._charge)

    def answered(self, prompt_tokens: int, new_tokens: int) -> None:
        """The server said what the answer took."""
        self._budget.settle(self._charge, prompt_tokens, new_tokens)


def _read(file: Path) -> Spent:
    try:
        return Spent.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return Spent()
    except ValidationError as error:
        raise StoreError(
            f"{file} is damaged: {error.errors()[0]['msg']}. Restore it, or remove it to count from nothing."
        ) from error
