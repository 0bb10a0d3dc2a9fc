"""What is compared: everything that can index documents and answer queries."""
