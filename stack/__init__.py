"""What is provisioned: settings, pure calculators, and one Pulumi component a file."""
