"""What a server keeps: rows of jobs, and a folder for each result."""
