"""What an environment costs a month: a price book, a usage profile, and the plan."""
