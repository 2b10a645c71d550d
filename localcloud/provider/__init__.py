"""The alicloud provider of the local cloud: resources of a Pulumi program made on its services."""
