"""What use cases and adapters share with the chassis: records in, outcomes out, one unit of work."""
