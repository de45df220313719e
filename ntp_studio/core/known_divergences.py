"""Divergences by what they compare: the nodes after which two columns go on. So they outlive going back, branching, and
columns that change places."""

from __future__ import annotations

from dataclasses import replace

from ntp_studio.core.compared import Divergence

Key = tuple[int, int, int, int]  # column and node of the reference, column and node that is held against it


class KnownDivergences(dict[Key, Divergence]):
    def look_up(self, key: Key) -> Divergence | None:
        """Also where it is known with the other column as the reference."""
        found = self.get(key)
        if found is None:
            turned = self.get((key[2], key[3], key[0], key[1]))
            if turned is not None:  # they have changed places in the row since
                found = replace(turned, forward=turned.backward, backward=turned.forward)
                self[key] = found
        return found

    def forget(self, column: int) -> None:
        """All that is known of this column."""
        for key in [key for key in self if column in (key[0], key[2])]:
            del self[key]
