"""Resource Orchestration Service of the local cloud: the templates that ``ros.Stack`` deploys.

ROS is in the stack because the Pulumi provider cannot make the WebSocket APIs of API Gateway. So
resource types are those of API Gateway; any other is refused by name.
"""
