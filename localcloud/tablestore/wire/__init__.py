"""The wire protocol: protobuf messages, PlainBuffer rows, signatures."""
