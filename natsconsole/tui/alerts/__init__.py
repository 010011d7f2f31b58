"""The alerts screen: everything that needs attention, and since when it has."""
