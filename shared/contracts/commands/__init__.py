"""Commands: imperatives that enter a service through its command topic. One definition each."""
