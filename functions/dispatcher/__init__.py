"""The light function in front: authorise, validate, admit, hand over. Standard library only."""
