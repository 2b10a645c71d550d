"""What runs in the cloud: one package for each function, and what they share."""
