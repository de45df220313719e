"""Everything that needs neither Qt nor threads; it all works from a script."""
