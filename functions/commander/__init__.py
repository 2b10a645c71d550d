"""The commander: takes a ticket, plans, runs the steps of the plan, answers."""
