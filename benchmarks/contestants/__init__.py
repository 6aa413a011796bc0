"""One script per way to do a job. None imports another's library, nor Striate but ours."""
