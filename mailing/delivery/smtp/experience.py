"""What the lines of one transport have learned about a server that offers CHUNKING."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

TRIAL = 3.0  # seconds that other lines wait for the first chunk; then they begin by DATA
LOSSES = 2  # so many lines lost with several letters in doubt, and this slice goes on with one at a time


@dataclass(slots=True)
class Experience:
    """`works` is told to whoever waits by `tell`; a line that ends without it makes room for the next trial."""

    works: bool = False  # a chunk was accepted
    fails: bool = False  # the server cannot do what it offers
    lost: int = 0  # lines that left more than one letter unconfirmed

    is_on_trial: bool = False  # a line is finding out
    _known: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_good(self) -> bool:
        return not self.fails and self.lost < LOSSES and (self.works or not self.is_on_trial)

    def tell(self) -> None:
        """The trial is over."""
        self.is_on_trial = False
        self._known.set()

    async def known(self) -> None:
        """Waits for the line that is finding out: so a server that fails has one letter of ours, not one per line."""
        if self.works or self.fails or not self.is_on_trial:
            return
        self._known.clear()
        try:
            async with asyncio.timeout(TRIAL):
                await self._known.wait()
        except TimeoutError:
            return
