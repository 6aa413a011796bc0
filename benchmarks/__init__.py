"""Side by side with the peers. Ratios measured in one run; never a timed test."""
