"""The laptop's store: promises, kills, damage, keys."""
