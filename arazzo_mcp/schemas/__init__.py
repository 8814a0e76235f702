"""What the tools of workflows take: the inputs schema of each, with what the APIs say of the places that they feed."""
