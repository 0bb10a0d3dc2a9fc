"""The service: one open library for other programs, people and assistants, over HTTP and MCP."""
