"""What the command line does: import a file, send leads over HTTP, show receipts."""
