"""What runs inside an instance; nothing of it is imported by the platform."""
