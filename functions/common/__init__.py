"""What the functions share: Python 3.10, standard library only.

Cold start is a budget: nothing here imports more than it needs, and what is needed rarely is
imported where it is used.
"""
